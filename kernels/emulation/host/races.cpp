// Two threads touch the same word, one of them to write, and nothing says which comes first: that is a race. Threads of a block are
// ordered by its barriers alone (a shuffle orders no memory), threads of different blocks by nothing.
//
// The kernels tell of each touch because they are compiled as for ThreadSanitizer, whose calls end here. Time is cut at barriers: each
// piece has a number that no other has, of any block or launch. For each word it is known in which piece it was written last and
// first and last read, and by which thread. Words have 4 bytes, but for bytes that are touched one by one.

#include "races.h"

#include <cstdio>
#include <map>

#include <sys/mman.h>

namespace {

constexpr size_t MOST_SHARED = 228 * 1024;
constexpr uint16_t SEVERAL = 0xffff;

struct Word {
    uint32_t written, first_read, last_read;
    uint16_t writer, reader;
    // A copy to it is under way, since it was written.
    bool is_arriving;
};

bool are_kernels_telling, is_running;
// The present piece of time, and the first of the block and of the launch.
uint32_t now, block_began, launch_began;
uint16_t own;
char message[200];

const unsigned char* shared;
size_t shared_bytes;
Word shared_words[MOST_SHARED / 4], shared_single_bytes[MOST_SHARED];

// Words in the order of memory, made when they are first looked at.
struct Words {
    Word* start;
    size_t bytes;

    void make(size_t count) {
        bytes = count * sizeof(Word);
        void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        start = pages == MAP_FAILED ? nullptr : static_cast<Word*>(pages);
    }
    void drop() {
        if (start) {
            munmap(start, bytes);
        }
    }
};

struct Buffer {
    uintptr_t start, end;
    Words words, single_bytes;
};

// By their start; and those that were looked up last, the last one first.
std::map<uintptr_t, Buffer> buffers;
constexpr size_t RECENT = 8;
uintptr_t left_out;
size_t bytes_left_out;
Buffer* recent[RECENT];

// The buffer that a place lies in; null if it is none.
Buffer* buffer_of(uintptr_t address) {
    Buffer* moved = nullptr;
    for (size_t i = 0; i < RECENT; ++i) {
        Buffer* found = recent[i];
        recent[i] = moved;
        if (found && address >= found->start && address < found->end) {
            return recent[0] = found;
        }
        moved = found;
    }
    auto after = buffers.upper_bound(address);
    if (after == buffers.begin() || std::prev(after)->second.end <= address) {
        // None was found: what was moved on moves back.
        for (size_t i = 0; i + 1 < RECENT; ++i) {
            recent[i] = recent[i + 1];
        }
        recent[RECENT - 1] = moved;
        return nullptr;
    }
    return recent[0] = &std::prev(after)->second;
}

void tell(const char* what, const Word& word, unsigned other, uintptr_t address) {
    if (message[0]) {
        return;
    }
    bool is_shared = &word >= shared_words && &word < shared_words + MOST_SHARED / 4;
    is_shared = is_shared || (&word >= shared_single_bytes && &word < shared_single_bytes + MOST_SHARED);
    char who[32] = "several threads";
    if (other != SEVERAL) {
        std::snprintf(who, sizeof who, "thread %u", other);
    }
    if (is_shared) {
        std::snprintf(message, sizeof message, "a race: %s %s, byte %zu of shared memory", what, who,
                      static_cast<size_t>(address - reinterpret_cast<uintptr_t>(shared)));
    } else {
        std::snprintf(message, sizeof message, "a race: %s %s, byte %zu of a buffer", what, who,
                      static_cast<size_t>(address - buffer_of(address)->start));
    }
}

// Whether something happened in this piece of time by another thread, or in this launch in another block.
bool is_beside(uint32_t when, uint16_t who, bool is_shared) {
    return (when == now && who != own) || (!is_shared && when >= launch_began && when < block_began);
}

bool is_arriving(const Word& word) { return word.is_arriving && word.written >= block_began; }

void read(Word& word, bool is_shared, uintptr_t address) {
    if (is_arriving(word)) {
        tell("reads what is being copied there by", word, word.writer, address);
    } else if (is_beside(word.written, word.writer, is_shared)) {
        tell("reads what is written by", word, word.writer, address);
    }
    word.reader = word.last_read == now && word.reader != own ? SEVERAL : own;
    word.first_read = word.first_read < launch_began ? now : word.first_read;
    word.last_read = now;
}

void write(Word& word, bool is_shared, uintptr_t address) {
    if (is_arriving(word)) {
        tell("writes where is being copied by", word, word.writer, address);
    } else if (is_beside(word.written, word.writer, is_shared)) {
        tell("writes what is written by", word, word.writer, address);
    } else if (is_beside(word.last_read, word.reader, is_shared) || is_beside(word.first_read, own, is_shared)) {
        tell("writes what is read by", word, word.reader, address);
    }
    word.written = now;
    word.writer = own;
    word.is_arriving = false;
}

template <class Touch>
void each_word(uintptr_t address, size_t bytes, const Touch& touch) {
    if (!is_running || address - left_out < bytes_left_out) {
        return;
    }
    uintptr_t start = reinterpret_cast<uintptr_t>(shared);
    bool is_shared = address >= start && address < start + shared_bytes;
    Buffer* buffer = is_shared ? nullptr : buffer_of(address);
    if (!is_shared && !buffer) {
        return;
    }
    bool is_whole = bytes >= 4;
    Word* words;
    if (is_shared) {
        words = is_whole ? shared_words : shared_single_bytes;
    } else {
        Words& own_words = is_whole ? buffer->words : buffer->single_bytes;
        start = buffer->start;
        if (!own_words.start) {
            own_words.make((buffer->end - start) / (is_whole ? 4 : 1) + 4);
        }
        words = own_words.start;
    }
    size_t unit = is_whole ? 4 : 1;
    for (size_t i = 0; i < bytes; i += unit) {
        touch(words[(address + i - start) / unit], is_shared, address + i);
    }
}

// `unit` is the boundary that a card wants it on.
template <int BYTES, int UNIT>
void touch_to_read(void* place) {
    uintptr_t address = reinterpret_cast<uintptr_t>(place);
    if (is_running && address % UNIT != 0 && !message[0]) {
        std::snprintf(message, sizeof message, "a read of %d bytes that lie on no boundary of %d", BYTES, UNIT);
    }
    each_word(address, BYTES, read);
}
template <int BYTES, int UNIT>
void touch_to_write(void* place) {
    uintptr_t address = reinterpret_cast<uintptr_t>(place);
    if (is_running && address % UNIT != 0 && !message[0]) {
        std::snprintf(message, sizeof message, "a write of %d bytes that lie on no boundary of %d", BYTES, UNIT);
    }
    each_word(address, BYTES, write);
}

}  // namespace

bool races::is_watching() { return are_kernels_telling; }

void races::add_buffer(const void* address, size_t bytes) {
    uintptr_t start = reinterpret_cast<uintptr_t>(address);
    buffers[start] = {start, start + bytes, {}, {}};
}

void races::remove_buffer(const void* address) {
    auto found = buffers.find(reinterpret_cast<uintptr_t>(address));
    if (found != buffers.end()) {
        found->second.words.drop();
        found->second.single_bytes.drop();
        buffers.erase(found);
    }
    for (Buffer*& one : recent) {
        one = nullptr;
    }
}

void races::leave_out(const void* address, size_t bytes) {
    left_out = reinterpret_cast<uintptr_t>(address);
    bytes_left_out = bytes;
}

void races::begin_launch() {
    message[0] = 0;
    launch_began = ++now;
    is_running = are_kernels_telling;
}

void races::begin_block(const unsigned char* start, size_t bytes) {
    shared = start;
    shared_bytes = bytes;
    block_began = ++now;
}

void races::pass_barrier() { ++now; }

void races::go_on_as(unsigned thread) { own = static_cast<uint16_t>(thread); }

void races::end_launch() { is_running = false; }

void races::begin_copy(const void* to, const void* from, size_t bytes) {
    if (from) {
        each_word(reinterpret_cast<uintptr_t>(from), bytes, read);
    }
    each_word(reinterpret_cast<uintptr_t>(to), bytes, [](Word& word, bool is_shared, uintptr_t address) {
        write(word, is_shared, address);
        word.is_arriving = true;
    });
}

void races::end_copy(const void* to, size_t bytes) {
    each_word(reinterpret_cast<uintptr_t>(to), bytes, [](Word& word, bool, uintptr_t) {
        word.is_arriving = false;
        word.written = now;
    });
}

const char* races::found() { return message[0] ? message : nullptr; }

// What the compiler has the kernels call. Those that are called unaligned may lie anywhere: the compiler put several together.
extern "C" {
void __tsan_init() { are_kernels_telling = true; }
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_read1(void* place) { touch_to_read<1, 1>(place); }
void __tsan_read2(void* place) { touch_to_read<2, 2>(place); }
void __tsan_read4(void* place) { touch_to_read<4, 4>(place); }
void __tsan_read8(void* place) { touch_to_read<8, 8>(place); }
void __tsan_read16(void* place) { touch_to_read<16, 16>(place); }
void __tsan_write1(void* place) { touch_to_write<1, 1>(place); }
void __tsan_write2(void* place) { touch_to_write<2, 2>(place); }
void __tsan_write4(void* place) { touch_to_write<4, 4>(place); }
void __tsan_write8(void* place) { touch_to_write<8, 8>(place); }
void __tsan_write16(void* place) { touch_to_write<16, 16>(place); }
void __tsan_unaligned_read2(void* place) { touch_to_read<2, 1>(place); }
void __tsan_unaligned_read4(void* place) { touch_to_read<4, 4>(place); }
void __tsan_unaligned_read8(void* place) { touch_to_read<8, 4>(place); }
void __tsan_unaligned_read16(void* place) { touch_to_read<16, 4>(place); }
void __tsan_unaligned_write2(void* place) { touch_to_write<2, 1>(place); }
void __tsan_unaligned_write4(void* place) { touch_to_write<4, 4>(place); }
void __tsan_unaligned_write8(void* place) { touch_to_write<8, 4>(place); }
void __tsan_unaligned_write16(void* place) { touch_to_write<16, 4>(place); }
void __tsan_read_range(void* place, size_t bytes) { each_word(reinterpret_cast<uintptr_t>(place), bytes, read); }
void __tsan_write_range(void* place, size_t bytes) { each_word(reinterpret_cast<uintptr_t>(place), bytes, write); }
}
