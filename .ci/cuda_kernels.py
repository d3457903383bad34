"""Compiles the CUDA kernels for two architectures and prints what each kernel takes of a multiprocessor.

    cuda_kernels.py TOOLKIT

Files are put together as the program does it, compiled to PTX by NVRTC and to code by ptxas, which tells registers and spills. A
kernel that spills registers is an error. Needs NVIDIA's wheels; TOOLKIT is their folder (lib/ and bin/). No card.
"""

import ctypes
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ARCHITECTURES = ["80", "90"]
KERNELS = Path(__file__).parent.parent / "kernels"


def sources():
    """The name and the text of each file, with what is put in front of it."""
    listed = re.findall(r'^    "(\w+)": \[(.*)\];', (KERNELS / "src/cuda/source.rs").read_text(), re.M)
    files = {path.stem for path in (KERNELS / "cuda").glob("*.cu")}
    if files != {name for name, _ in listed}:
        sys.exit(f"kernels/src/cuda/source.rs lists {len(listed)} files, kernels/cuda has {len(files)}")
    for name, before in listed:
        parts = ["common.cuh", *re.findall(r'"([\w.]+)"', before), f"{name}.cu"]
        yield name, "".join(f'#line 1 "{part}"\n{(KERNELS / "cuda" / part).read_text()}' for part in parts)


def compile_to_ptx(nvrtc, name, text, architecture):
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), f"{name}.cu".encode(), 0, None, None)
    options = [f"--gpu-architecture=compute_{architecture}".encode(), b"--std=c++17"]
    failed = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    what = "ProgramLog" if failed else "PTX"
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    result = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, result)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    if failed:
        sys.exit(f"{name}.cu does not compile for sm_{architecture}:\n{result.value.decode()}")
    return result.value


def resources(ptxas, name, ptx, architecture, folder):
    """Kernel, registers and bytes of spills of a file's kernels."""
    path = Path(folder, f"{name}-{architecture}.ptx")
    path.write_bytes(ptx)
    command = [ptxas, "--verbose", f"--gpu-name=sm_{architecture}", path, "--output-file", path.with_suffix(".cubin")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        sys.exit(f"{name}.cu for sm_{architecture}: {told.stderr}")
    pattern = r"Compiling entry function '(\w+)'.*?(\d+) bytes spill stores, (\d+) bytes spill loads.*?Used (\d+) registers"
    for kernel, stores, loads, registers in re.findall(pattern, told.stderr, re.S):
        yield kernel, int(registers), int(stores) + int(loads)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    toolkit = Path(sys.argv[1])
    nvrtc = ctypes.CDLL(str(toolkit / "lib/libnvrtc.so.13"))
    table = {}
    with tempfile.TemporaryDirectory() as folder:

        def run(job):
            (name, text), architecture = job
            ptx = compile_to_ptx(nvrtc, name, text, architecture)
            return architecture, list(resources(toolkit / "bin/ptxas", name, ptx, architecture, folder))

        jobs = [(source, architecture) for source in sources() for architecture in ARCHITECTURES]
        with ThreadPoolExecutor() as pool:
            for architecture, kernels in pool.map(run, jobs):
                for kernel, registers, spills in kernels:
                    table.setdefault(kernel, {})[architecture] = (registers, spills)
    head = "".join(f"   sm_{architecture}: registers, spilt bytes" for architecture in ARCHITECTURES)
    print(f"{'kernel':<44}{head}")
    for kernel, found in table.items():
        print(f"{kernel:<44}" + "".join(f"{found[a][0]:>19}{found[a][1]:>13}" for a in ARCHITECTURES))
    spilt = [kernel for kernel, found in table.items() if any(spills for _, spills in found.values())]
    print(f"{len(table)} kernels, {len(spilt)} of them spill")
    sys.exit(f"registers are spilt by: {', '.join(spilt)}" if spilt else 0)


main()
