// heap.hpp: what the tests of this program agree on about the one heap they share: each C function of it can
// be replaced once only.
#pragma once

#include <cstddef>

/// Called for each block that Asio asks for (it does so by aligned_alloc); true: there is no memory for it.
/// Null: there always is.
using heap_judge = bool (*)();
inline constinit thread_local heap_judge heap_refuses = nullptr;
