// 12_scripts.cpp: scripts and functions that reach each node by themselves.
#include <umbel/client.hpp>

#include <asio.hpp>

#include <iostream>

// [scripts]
inline constexpr umbel::script add{"return redis.call('INCRBY', KEYS[1], ARGV[1])"};  // Its SHA1 is computed when it is compiled.

inline constexpr umbel::function_library limits{R"(#!lua name=limits
redis.register_function('take', function(keys, args)
  if tonumber(redis.call('GET', keys[1]) or '0') >= tonumber(args[1]) then return 0 end
  return redis.call('INCR', keys[1])
end))"};

asio::awaitable<void> run(umbel::client& db) {
    auto sum = co_await db.run<std::int64_t>(add, umbel::key("n"), 5);  // EVALSHA; EVAL once where the node lacks the script
    auto taken = co_await db.run<std::int64_t>(limits.function("take"), umbel::key("quota"), 10);  // FCALL; loads the library once
    auto both = co_await db.transaction(umbel::cmd.run<std::int64_t>(add, umbel::key("{u}n"), 1),
                                        umbel::cmd.get("{u}n"));
    if (sum && taken && both) std::cout << *sum << ", " << *taken << "\n";
}
// [scripts]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, run(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
    std::cout << "done\n";
}
