// Who touched what, so that what only the order of threads decides is found although the threads of the host run in turn.

#pragma once

#include <cstddef>
#include <cstdint>

namespace races {

// Whether the kernels tell what they touch: they are compiled so, or not.
bool is_watching();

// What is watched beside shared memory.
void add_buffer(const void* address, size_t bytes);
void remove_buffer(const void* address);
// What is not: the threads' own memory.
void leave_out(const void* address, size_t bytes);

// A launch, a block of it with its shared memory, and the time between two barriers of the block begin.
void begin_launch();
void begin_block(const unsigned char* shared, size_t bytes);
void pass_barrier();
// What follows is done by this thread of the block.
void go_on_as(unsigned thread);
// Outside of launches nothing is watched.
void end_launch();

// A copy to shared memory is under way, and then has been made, by the thread that goes on.
void begin_copy(const void* to, const void* from, size_t bytes);
void end_copy(const void* to, size_t bytes);

// What was found first in this launch; null if nothing was.
const char* found();

}  // namespace races
