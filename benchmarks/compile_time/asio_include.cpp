// What the reference costs before its coroutine.
#include <asio.hpp>
