//! The driver is as strict as NVIDIA's.

use std::ffi::c_void;
use std::thread;

use cudarc::driver::sys::CUfunction_attribute_enum::{
    CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES as MOST_SHARED, CU_FUNC_ATTRIBUTE_NUM_REGS,
};
use cudarc::driver::sys::CUresult::*;
use cudarc::driver::sys::CUstreamCaptureMode_enum::{
    CU_STREAM_CAPTURE_MODE_GLOBAL as GLOBAL, CU_STREAM_CAPTURE_MODE_RELAXED as RELAXED,
    CU_STREAM_CAPTURE_MODE_THREAD_LOCAL as LOCAL,
};
use gobelin_emulation::library::Library;

use crate::machine::{Machine, Outcome};
use crate::modules::Shape;
use crate::settings::Settings;

/// A machine with a context that this thread is in; none where there is no compiler.
fn machine(words: &str) -> Option<Machine> {
    Library::get_or_skip()?;
    let mut m = Machine::new(Settings::parse(words).unwrap());
    m.initialise(0).unwrap();
    let context = m.retain(0).unwrap();
    m.set_current(context).unwrap();
    Some(m)
}

fn load(m: &mut Machine, code: &std::ffi::CStr) -> Outcome<u64> {
    // SAFETY: it ends with a zero.
    unsafe { m.load(code.as_ptr().cast()) }
}

/// The kernel that adds a number to each.
fn adder(m: &mut Machine) -> u64 {
    let module = load(m, c"\x7fELFgobelin sm_80 elementwise").unwrap();
    m.find(module, c"map_add").unwrap()
}

const BLOCK: Shape = Shape { grid: [1; 3], block: [256, 1, 1], shared: 0 };

/// Adds 1 to the values at an address.
fn launch(m: &mut Machine, function: u64, shape: &Shape, stream: u64, address: u64, count: u32) -> Outcome {
    let (one, other) = (1.0f32, 0.0f32);
    fn place<T>(value: &T) -> *mut c_void {
        std::ptr::from_ref(value).cast_mut().cast()
    }
    let mut places = [place(&address), place(&address), place(&count), place(&one), place(&other)];
    // SAFETY: these are the kernel's.
    unsafe { m.launch(function, shape, stream, places.as_mut_ptr()) }
}

fn write(m: &mut Machine, address: u64, values: &[f32], stream: u64) -> Outcome {
    m.copy_to_device(address, values.as_ptr().cast(), size_of_val(values), stream)
}

fn read(m: &mut Machine, address: u64, count: usize, stream: u64) -> Outcome<Vec<f32>> {
    let mut values = vec![0.0f32; count];
    m.copy_to_host(values.as_mut_ptr().cast(), address, 4 * count, stream)?;
    Ok(values)
}

#[test]
fn nothing_is_done_without_a_context() {
    if Library::get_or_skip().is_none() {
        return;
    }
    let mut m = Machine::new(Settings::parse("cards=2").unwrap());
    assert_eq!(m.retain(0), Err(CUDA_ERROR_NOT_INITIALIZED));
    assert_eq!(m.allocate(4), Err(CUDA_ERROR_NOT_INITIALIZED));
    assert_eq!(m.initialise(1), Err(CUDA_ERROR_INVALID_VALUE));
    m.initialise(0).unwrap();
    assert_eq!(m.retain(2), Err(CUDA_ERROR_INVALID_DEVICE));
    assert_eq!(m.allocate(4), Err(CUDA_ERROR_INVALID_CONTEXT));
    assert_eq!(m.set_current(7), Err(CUDA_ERROR_INVALID_CONTEXT));
    let (first, second) = (m.retain(0).unwrap(), m.retain(1).unwrap());
    assert_eq!(m.retain(0), Ok(first));
    m.set_current(first).unwrap();
    let (stream, event) = (m.make_stream(1).unwrap(), m.make_event().unwrap());
    let function = adder(&mut m);
    let address = m.allocate(4).unwrap();
    // Each context has its own.
    m.set_current(second).unwrap();
    assert_eq!(m.synchronise(stream), Err(CUDA_ERROR_INVALID_HANDLE));
    assert_eq!(m.wait(event), Err(CUDA_ERROR_INVALID_HANDLE));
    assert_eq!(m.free(address), Err(CUDA_ERROR_INVALID_VALUE));
    let own = m.make_stream(1).unwrap();
    assert_eq!(launch(&mut m, function, &BLOCK, own, address, 1), Err(CUDA_ERROR_INVALID_HANDLE));
    // Another thread is in none.
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(m.allocate(4), Err(CUDA_ERROR_INVALID_CONTEXT)));
    });
    m.set_current(first).unwrap();
    m.release(0).unwrap();
    assert_eq!(m.synchronise(stream), Ok(()), "it was retained twice");
    m.release(0).unwrap();
    assert_eq!(m.synchronise(stream), Err(CUDA_ERROR_CONTEXT_IS_DESTROYED));
    assert_eq!(m.release(0), Err(CUDA_ERROR_INVALID_CONTEXT));
}

#[test]
fn memory_is_what_was_given_out() {
    let Some(mut m) = machine("memory=1") else { return };
    let stream = m.make_stream(1).unwrap();
    assert_eq!(m.allocate(0), Err(CUDA_ERROR_INVALID_VALUE));
    assert_eq!(m.allocate((1 << 20) + 1), Err(CUDA_ERROR_OUT_OF_MEMORY));
    let address = m.allocate(1 << 20).unwrap();
    assert_eq!(m.memory(), Ok((0, 1 << 20)));
    assert_eq!(m.allocate(1), Err(CUDA_ERROR_OUT_OF_MEMORY));
    let values = [1.0, 2.0];
    assert_eq!(write(&mut m, address + (1 << 20) - 4, &values, stream), Err(CUDA_ERROR_INVALID_VALUE));
    write(&mut m, address + 4, &values, stream).unwrap();
    m.copy(address, address + 8, 4, stream).unwrap();
    assert_eq!(read(&mut m, address, 3, stream), Ok(vec![2.0, 1.0, 2.0]));
    assert_eq!(m.free(address + 4), Err(CUDA_ERROR_INVALID_VALUE));
    m.free(address).unwrap();
    assert_eq!(m.free(address), Err(CUDA_ERROR_INVALID_VALUE));
    assert_eq!(read(&mut m, address, 1, stream), Err(CUDA_ERROR_INVALID_VALUE));
    assert_eq!(m.memory(), Ok((1 << 20, 1 << 20)));
    let place = m.pin(8).unwrap();
    m.unpin(place).unwrap();
    assert_eq!(m.unpin(place), Err(CUDA_ERROR_INVALID_VALUE));
    m.destroy_stream(stream).unwrap();
    assert_eq!(m.synchronise(stream), Err(CUDA_ERROR_INVALID_HANDLE));
    assert_eq!(m.destroy_stream(stream), Err(CUDA_ERROR_INVALID_HANDLE));
}

#[test]
fn kernels_are_launched_as_they_may_be() {
    let Some(mut m) = machine("") else { return };
    let (stream, address) = (m.make_stream(1).unwrap(), m.allocate(16).unwrap());
    assert_eq!(load(&mut m, c"\x7fELF of somebody else"), Err(CUDA_ERROR_INVALID_IMAGE));
    assert_eq!(load(&mut m, c""), Err(CUDA_ERROR_INVALID_IMAGE));
    for other in [c"\x7fELFgobelin sm_90 pool", c"\x7fELFgobelin sm_86 pool", c"\x7fELFgobelin sm_75 pool"] {
        assert_eq!(load(&mut m, other), Err(CUDA_ERROR_NO_BINARY_FOR_GPU));
    }
    let pool = load(&mut m, c"\x7fELFgobelin sm_80 pool").unwrap();
    assert_eq!(m.find(pool, c"map_add"), Err(CUDA_ERROR_NOT_FOUND), "it is in another file");
    let function = adder(&mut m);
    for wrong in [
        Shape { grid: [0, 1, 1], ..BLOCK },
        Shape { grid: [1, 65_536, 1], ..BLOCK },
        Shape { block: [512, 1, 1], ..BLOCK },
        Shape { shared: (48 << 10) + 1, ..BLOCK },
    ] {
        assert_eq!(launch(&mut m, function, &wrong, stream, address, 4), Err(CUDA_ERROR_INVALID_VALUE));
    }
    assert_eq!(m.permit(function, MOST_SHARED, 164 << 10), Err(CUDA_ERROR_INVALID_VALUE));
    assert_eq!(m.permit(function, CU_FUNC_ATTRIBUTE_NUM_REGS, 1), Err(CUDA_ERROR_NOT_SUPPORTED));
    m.permit(function, MOST_SHARED, 64 << 10).unwrap();
    write(&mut m, address, &[1.0, 2.0, 3.0, 4.0], stream).unwrap();
    launch(&mut m, function, &Shape { shared: 64 << 10, ..BLOCK }, stream, address, 4).unwrap();
    assert_eq!(read(&mut m, address, 4, stream), Ok(vec![2.0, 3.0, 4.0, 5.0]));
    // What it touches is not its own: the context is lost.
    let outcome = launch(&mut m, function, &BLOCK, stream, address, 5000);
    assert_eq!(outcome.and_then(|()| m.synchronise(stream)), Err(CUDA_ERROR_ILLEGAL_ADDRESS));
    assert_eq!(m.allocate(16), Err(CUDA_ERROR_ILLEGAL_ADDRESS));
    assert_eq!(m.free(address), Err(CUDA_ERROR_ILLEGAL_ADDRESS));
    m.release(0).unwrap();
}

#[test]
fn a_module_that_is_gone_leaves_no_function() {
    let Some(mut m) = machine("") else { return };
    let (stream, address) = (m.make_stream(1).unwrap(), m.allocate(16).unwrap());
    let module = load(&mut m, c"\x7fELFgobelin sm_80 elementwise").unwrap();
    let function = m.find(module, c"map_add").unwrap();
    m.unload(module).unwrap();
    assert_eq!(m.unload(module), Err(CUDA_ERROR_INVALID_HANDLE));
    assert_eq!(launch(&mut m, function, &BLOCK, stream, address, 4), Err(CUDA_ERROR_INVALID_HANDLE));
}

#[test]
fn streams_run_beside_each_other_until_events_order_them() {
    for words in ["", "order=backwards"] {
        let Some(mut m) = machine(words) else { return };
        let (work, uploads) = (m.make_stream(1).unwrap(), m.make_stream(1).unwrap());
        let (function, address) = (adder(&mut m), m.allocate(16).unwrap());
        let pinned = m.pin(16).unwrap();
        // SAFETY: it was just pinned.
        unsafe { pinned.cast::<[f32; 4]>().write([1.0; 4]) };
        write(&mut m, address, &[0.0; 4], work).unwrap();
        let (arrived, read_by) = (m.make_event().unwrap(), m.make_event().unwrap());
        assert_eq!(m.wait(arrived), Ok(()), "it is nowhere yet");
        m.record(read_by, work).unwrap();
        m.follow(uploads, read_by).unwrap();
        m.copy_to_device(address, pinned, 16, uploads).unwrap();
        m.record(arrived, uploads).unwrap();
        m.follow(work, arrived).unwrap();
        launch(&mut m, function, &BLOCK, work, address, 4).unwrap();
        assert_eq!(read(&mut m, address, 4, work), Ok(vec![2.0; 4]), "{words}");
        // Without an event, one of the orders finds that the upload had not come.
        m.copy_to_device(address, pinned, 16, uploads).unwrap();
        launch(&mut m, function, &BLOCK, work, address, 4).unwrap();
        m.synchronise(uploads).unwrap();
        let found = read(&mut m, address, 4, work).unwrap();
        assert_eq!(found, [if words.is_empty() { 1.0 } else { 2.0 }; 4], "{words}");
        m.destroy_event(arrived).unwrap();
        assert_eq!(m.record(arrived, work), Err(CUDA_ERROR_INVALID_HANDLE));
    }
}

#[test]
fn a_capture_takes_launches_and_copies_alone() {
    let Some(mut m) = machine("") else { return };
    let (stream, other) = (m.make_stream(1).unwrap(), m.make_stream(1).unwrap());
    let (function, address, event) = (adder(&mut m), m.allocate(16).unwrap(), m.make_event().unwrap());
    write(&mut m, address, &[0.0; 4], stream).unwrap();
    assert_eq!(m.end_capture(stream).err(), Some(CUDA_ERROR_ILLEGAL_STATE));
    m.begin_capture(stream, RELAXED).unwrap();
    assert_eq!(m.begin_capture(stream, RELAXED), Err(CUDA_ERROR_ILLEGAL_STATE));
    launch(&mut m, function, &BLOCK, stream, address, 4).unwrap();
    // What may wait is allowed in a relaxed one, and so is another stream.
    let more = m.allocate(16).unwrap();
    m.copy(more, address, 16, stream).unwrap();
    m.synchronise(other).unwrap();
    let work = m.end_capture(stream).unwrap();
    let graph = m.make_graph(work);
    assert_eq!(read(&mut m, address, 4, stream), Ok(vec![0.0; 4]), "nothing was done");
    let executable = m.instantiate(graph, 0).unwrap();
    m.destroy_graph(graph).unwrap();
    assert_eq!(m.instantiate(graph, 0), Err(CUDA_ERROR_INVALID_VALUE));
    for _ in 0..3 {
        m.launch_graph(executable, stream).unwrap();
    }
    assert_eq!(read(&mut m, more, 4, stream), Ok(vec![3.0; 4]));
    // Each of these spoils a capture.
    type Call<'a> = &'a dyn Fn(&mut Machine) -> Outcome;
    let wait_for_another: Call = &|m| {
        m.record(event, other)?;
        m.follow(stream, event)
    };
    let wait_for_itself: Call = &|m| {
        m.record(event, stream)?;
        m.wait(event)
    };
    for (name, mode, code, call) in [
        ("synchronise", RELAXED, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, &|m: &mut Machine| {
            m.synchronise(stream)
        }),
        ("read", RELAXED, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, &|m| read(m, address, 4, stream).map(drop)),
        ("write", RELAXED, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, &|m| write(m, address, &[0.0], stream)),
        ("allocate", GLOBAL, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, &|m| m.allocate(4).map(drop)),
        ("free", LOCAL, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, &|m| m.free(more)),
        ("another's event", RELAXED, CUDA_ERROR_STREAM_CAPTURE_ISOLATION, wait_for_another),
        ("its own event", RELAXED, CUDA_ERROR_CAPTURED_EVENT, wait_for_itself),
    ] as [(&str, _, _, Call); 7]
    {
        m.begin_capture(stream, mode).unwrap();
        assert_eq!(call(&mut m), Err(code), "{name}");
        let launched = launch(&mut m, function, &BLOCK, stream, address, 4);
        assert_eq!(launched, Err(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED), "{name}");
        assert_eq!(m.end_capture(stream).err(), Some(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED), "{name}");
        m.synchronise(stream).unwrap();
    }
    // Memory that a recording needs is given back: its replay says so, and nothing is any more.
    m.free(more).unwrap();
    let outcome = m.launch_graph(executable, stream);
    assert_eq!(outcome.and_then(|()| m.synchronise(stream)), Err(CUDA_ERROR_ILLEGAL_ADDRESS));
    assert_eq!(m.make_event(), Err(CUDA_ERROR_ILLEGAL_ADDRESS));
}

#[test]
fn what_is_made_to_fail_fails_as_on_a_card() {
    let faults = "fail=cuMemAlloc_v2:2:OUT_OF_MEMORY fail=cuLaunchKernel:2:LAUNCH_FAILED";
    let Some(mut m) = machine(&format!("order=backwards {faults}")) else { return };
    let (stream, function) = (m.make_stream(1).unwrap(), adder(&mut m));
    let mut address = 0;
    for expected in [CUDA_SUCCESS, CUDA_ERROR_OUT_OF_MEMORY, CUDA_SUCCESS] {
        assert_eq!(m.answer("cuMemAlloc_v2", |m| m.allocate(16).map(|found| address = found)), expected);
    }
    // The launch itself succeeds; whoever waits is told, and so is everybody then.
    for _ in 0..2 {
        let launched = m.answer("cuLaunchKernel", |m| launch(m, function, &BLOCK, stream, address, 4));
        assert_eq!(launched, CUDA_SUCCESS);
    }
    assert_eq!(m.synchronise(stream), Err(CUDA_ERROR_LAUNCH_FAILED));
    assert_eq!(m.free(address), Err(CUDA_ERROR_LAUNCH_FAILED));
}
