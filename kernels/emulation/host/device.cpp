// Runs kernels on the host: finds wrong indexes, missing barriers and unwritten memory where there is no card.
//
// - Every buffer ends right before memory that may not be touched; the bytes around and behind it are checked when it is given
//   back. New memory, and shared memory before each block, holds NaN.
// - A launch runs the blocks and threads forwards or backwards (emulation_backwards): a kernel with a race gives other results.
// - Copies to shared memory that are under way are made at the last moment the kernel allows.
// - Threads that wait for each other in vain, or at different places, end the launch with a message, as does every touch of foreign
//   memory. Where the kernels tell what they touch, so do two threads that touch the same with nothing between (races.cpp).

#include "device.h"
#include "races.h"

#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <ucontext.h>

dim3 threadIdx, blockIdx, blockDim, gridDim;
unsigned char* host::shared;

namespace {

constexpr size_t PAGE = 4096, STACK = 64 * 1024, MOST_THREADS = 1024, MOST_SHARED = 228 * 1024;
constexpr unsigned char FILL = 0xff;

struct Kernel {
    const char* file;
    unsigned threads;
    host::Call call;
    std::vector<size_t> sizes;
};

std::map<std::string, Kernel>& kernels() {
    static std::map<std::string, Kernel> all;
    return all;
}

struct Copy {
    void* to;
    const void* from;
    size_t bytes;
};

enum class State { RUNS, AT_WARP, AT_BLOCK, DONE };

struct Fibre {
    State state;
    jmp_buf place;
    bool is_started;
    unsigned meetings;
    // Where it waits.
    int site;
    // Copies in their order, how many of them are made, and where each group that is not made yet ends.
    std::vector<Copy> copies;
    size_t made;
    std::deque<size_t> ends;
};

Fibre fibres[MOST_THREADS];
unsigned char* stacks;
// Two sets of parts for each warp: lanes may still read the one while others write the next.
alignas(16) unsigned char parts[MOST_THREADS / 32][2][32 * 64];
unsigned current;
jmp_buf scheduler;
const Kernel* kernel;
void* const* arguments;
bool backwards;
// A copy to shared memory did not lie on a boundary of its size.
bool is_askew;

sigjmp_buf fault;
volatile sig_atomic_t is_running;
void* volatile fault_place;

void leave(State state, int site) {
    fibres[current].state = state;
    fibres[current].site = site;
    if (!_setjmp(fibres[current].place)) {
        _longjmp(scheduler, 1);
    }
}

void fibre_main() {
    for (;;) {
        kernel->call(arguments);
        leave(State::DONE, 0);
    }
}

void resume(unsigned thread) {
    current = thread;
    threadIdx = {thread, 0, 0};
    races::go_on_as(thread);
    if (_setjmp(scheduler)) {
        return;
    }
    Fibre& fibre = fibres[thread];
    if (fibre.is_started) {
        _longjmp(fibre.place, 1);
    }
    fibre.is_started = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks + thread * STACK;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, fibre_main, 0);
    setcontext(&context);
}

// Whether threads wait at the same place.
bool are_together(unsigned first, unsigned end) {
    for (unsigned i = first; i < end; ++i) {
        if (fibres[i].site != fibres[first].site) {
            return false;
        }
    }
    return true;
}

// Runs a warp until each of its threads is done or waits for the block; a message if that does not come to be.
const char* run_warp(unsigned first, unsigned end) {
    for (;;) {
        for (unsigned i = first; i < end; ++i) {
            unsigned thread = backwards ? first + end - 1 - i : i;
            if (fibres[thread].state == State::RUNS) {
                resume(thread);
            }
        }
        unsigned at_warp = 0, done = 0;
        for (unsigned i = first; i < end; ++i) {
            at_warp += fibres[i].state == State::AT_WARP;
            done += fibres[i].state == State::DONE;
        }
        if (at_warp == 0) {
            return nullptr;
        }
        if (at_warp != end - first) {
            return "some lanes of a warp wait for others that are elsewhere";
        }
        if (!are_together(first, end)) {
            return "lanes of a warp wait for each other at different places";
        }
        for (unsigned i = first; i < end; ++i) {
            fibres[i].state = State::RUNS;
        }
    }
}

const char* run_block(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) {
        fibres[i].state = State::RUNS;
        fibres[i].meetings = 0;
        fibres[i].copies.clear();
        fibres[i].made = 0;
        fibres[i].ends.clear();
    }
    unsigned warps = (threads + 31) / 32;
    for (;;) {
        for (unsigned i = 0; i < warps; ++i) {
            unsigned warp = backwards ? warps - 1 - i : i;
            unsigned end = warp * 32 + 32 < threads ? warp * 32 + 32 : threads;
            if (const char* trouble = run_warp(warp * 32, end)) {
                return trouble;
            }
        }
        unsigned waiting = 0, done = 0;
        for (unsigned i = 0; i < threads; ++i) {
            waiting += fibres[i].state == State::AT_BLOCK;
            done += fibres[i].state == State::DONE;
        }
        if (done == threads) {
            break;
        }
        if (waiting != threads) {
            return "some threads wait at a barrier that others have left out";
        }
        if (!are_together(0, threads)) {
            return "threads wait at different barriers";
        }
        races::pass_barrier();
        for (unsigned i = 0; i < threads; ++i) {
            fibres[i].state = State::RUNS;
        }
    }
    for (unsigned i = 0; i < threads; ++i) {
        if (fibres[i].made < fibres[i].copies.size()) {
            return "a thread ended before its copies to shared memory";
        }
    }
    if (is_askew) {
        return "a copy to shared memory lies on no boundary of its size";
    }
    return races::found();
}

void on_fault(int signal, siginfo_t* info, void*) {
    if (!is_running) {
        std::signal(signal, SIG_DFL);
        return;
    }
    fault_place = info->si_addr;
    siglongjmp(fault, 1);
}

unsigned char* map_pages(size_t bytes) {
    void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? nullptr : static_cast<unsigned char*>(pages);
}

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

host::Registered::Registered(const char* name, const char* file, unsigned threads, Call call, const size_t* sizes,
                             size_t count) {
    kernels()[name] = {file, threads, call, std::vector<size_t>(sizes, sizes + count)};
}

void host::meet_block(int site) { leave(State::AT_BLOCK, site); }

const unsigned char* host::meet_warp(const void* value, size_t bytes, int site) {
    unsigned char* all = parts[current / 32][fibres[current].meetings++ % 2];
    std::memcpy(all + 64 * (current % 32), value, bytes);
    leave(State::AT_WARP, site);
    return all;
}

void host::copy_later(void* to, const void* from, size_t bytes) {
    if ((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) % bytes != 0) {
        is_askew = true;
    }
    races::begin_copy(to, from, bytes);
    fibres[current].copies.push_back({to, from, bytes});
}

void host::commit_copies() { fibres[current].ends.push_back(fibres[current].copies.size()); }

void host::wait_for_copies(size_t pending) {
    Fibre& fibre = fibres[current];
    while (fibre.ends.size() > pending) {
        for (; fibre.made < fibre.ends.front(); ++fibre.made) {
            const Copy& copy = fibre.copies[fibre.made];
            if (copy.from) {
                std::memcpy(copy.to, copy.from, copy.bytes);
            } else {
                std::memset(copy.to, 0, copy.bytes);
            }
            races::end_copy(copy.to, copy.bytes);
        }
        fibre.ends.pop_front();
    }
}

// What a test program calls. One launch at a time.
extern "C" {

// Null if there is no memory.
void* emulation_allocate(size_t bytes) {
    size_t room = round_up(bytes + PAGE, PAGE);
    unsigned char* pages = map_pages(room + PAGE);
    if (!pages) {
        return nullptr;
    }
    mprotect(pages + room, PAGE, PROT_NONE);
    std::memset(pages, FILL, room);
    unsigned char* start = pages + room - round_up(bytes, 16);
    races::add_buffer(start, bytes);
    return start;
}

// Whether the bytes around the buffer are as they were.
bool emulation_release(void* address, size_t bytes) {
    unsigned char* start = static_cast<unsigned char*>(address);
    unsigned char* end = start + round_up(bytes, 16);
    size_t room = round_up(bytes + PAGE, PAGE);
    bool is_intact = true;
    races::remove_buffer(start);
    for (unsigned char* at = end - room; at < end; ++at) {
        is_intact = is_intact && ((at >= start && at < start + bytes) || *at == FILL);
    }
    munmap(end - room, room + PAGE);
    return is_intact;
}

// Whether there is such a kernel; then its file, the largest block that it is made for, and the sizes of its arguments.
bool emulation_kernel(const char* name, const char** file, unsigned* threads, const size_t** sizes, size_t* count) {
    auto found = kernels().find(name);
    if (found == kernels().end()) {
        return false;
    }
    *file = found->second.file;
    *threads = found->second.threads;
    *sizes = found->second.sizes.data();
    *count = found->second.sizes.size();
    return true;
}

void emulation_backwards(bool on) { backwards = on; }

// Runs a kernel; a message if that went wrong, in memory that the next launch overwrites.
const char* emulation_launch(const char* name, const unsigned* grid, unsigned threads, size_t shared_bytes, void* const* given,
                             const size_t* sizes, size_t count) {
    static std::string message;
    auto found = kernels().find(name);
    if (found == kernels().end()) {
        message = std::string(name) + ": no such kernel";
        return message.c_str();
    }
    kernel = &found->second;
    if (std::vector<size_t>(sizes, sizes + count) != kernel->sizes) {
        message = std::string(name) + ": the arguments have other sizes than the kernel's:";
        for (size_t i = 0; i < count || i < kernel->sizes.size(); ++i) {
            message += " " + (i < count ? std::to_string(sizes[i]) : std::string("none")) + "/" +
                       (i < kernel->sizes.size() ? std::to_string(kernel->sizes[i]) : std::string("none"));
        }
        return message.c_str();
    }
    if (threads == 0 || threads > kernel->threads || threads % 32 != 0 || shared_bytes > MOST_SHARED || grid[0] == 0 ||
        grid[1] == 0 || grid[2] == 0 || grid[1] > 65535 || grid[2] > 65535) {
        message = std::string(name) + ": a launch of " + std::to_string(grid[0]) + " x " + std::to_string(grid[1]) + " x " +
                  std::to_string(grid[2]) + " blocks of " + std::to_string(threads) + " threads with " +
                  std::to_string(shared_bytes) + " bytes is not possible";
        return message.c_str();
    }
    static unsigned char* shared_pages = nullptr;
    if (!stacks) {
        stacks = map_pages(MOST_THREADS * STACK);
        races::leave_out(stacks, MOST_THREADS * STACK);
        shared_pages = map_pages(MOST_SHARED + PAGE);
        mprotect(shared_pages + MOST_SHARED, PAGE, PROT_NONE);
    }
    struct sigaction action = {}, before_segv, before_bus;
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, &before_segv);
    sigaction(SIGBUS, &action, &before_bus);

    arguments = given;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {threads, 1, 1};
    host::shared = shared_pages + MOST_SHARED - round_up(shared_bytes, 16);
    const char* trouble = nullptr;
    if (sigsetjmp(fault, 1)) {
        trouble = races::found() ? races::found() : "a touch of memory that is not its own";
    } else {
        is_running = 1;
        is_askew = false;
        races::begin_launch();
        size_t blocks = static_cast<size_t>(grid[0]) * grid[1] * grid[2];
        for (size_t i = 0; i < blocks && !trouble; ++i) {
            size_t at = backwards ? blocks - 1 - i : i;
            blockIdx = {static_cast<unsigned>(at % grid[0]), static_cast<unsigned>(at / grid[0] % grid[1]),
                        static_cast<unsigned>(at / grid[0] / grid[1])};
            std::memset(host::shared, FILL, round_up(shared_bytes, 16));
            races::begin_block(host::shared, shared_bytes);
            trouble = run_block(threads);
        }
    }
    is_running = 0;
    races::end_launch();
    sigaction(SIGSEGV, &before_segv, nullptr);
    sigaction(SIGBUS, &before_bus, nullptr);
    if (!trouble) {
        return nullptr;
    }
    for (Fibre& fibre : fibres) {
        fibre.is_started = false;
    }
    char place[80];
    std::snprintf(place, sizeof place, " (block %u, %u, %u, thread %u)", blockIdx.x, blockIdx.y, blockIdx.z, current);
    message = std::string(name) + ": " + trouble + place;
    return message.c_str();
}
}
