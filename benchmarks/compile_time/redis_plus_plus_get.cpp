// A peer: a file that sends one command by redis-plus-plus, which is a library.
#include <sw/redis++/async_redis++.h>

#include <string>

std::size_t read(sw::redis::AsyncRedis& db) {
    auto const got = db.get("key").get();
    return got ? got->size() : 0;
}
