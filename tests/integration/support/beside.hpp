// beside.hpp: a task on a thread of its own that is waited for however its scope is left: an assertion that
// fails beside it fails one test and does not end the program.
#pragma once

#include <exception>
#include <functional>
#include <thread>
#include <utility>

namespace umbel::test {

/// Runs `task` at once. What it throws is thrown again by join().
/// Lifetime: what the task borrows must be declared before this object. The task must end by itself.
class beside {
public:
    explicit beside(std::function<void()> task)
        : thread_{[this, task = std::move(task)] {
              try {
                  task();
              } catch (...) {
                  thrown_ = std::current_exception();
              }
          }} {}
    beside(beside const&) = delete;
    ~beside() {
        if (thread_.joinable()) thread_.join();
    }

    void join() {
        thread_.join();
        if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    }

private:
    std::exception_ptr thrown_;
    std::thread thread_;
};

}  // namespace umbel::test
