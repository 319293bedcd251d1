// descriptor_limit.hpp: lets file descriptors run out: bounds those of this process for as long as it lives
// (RLIMIT_NOFILE), and takes all that are left.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <vector>

namespace umbel::test {

/// While it lives, no descriptor is left. Threading: the other threads of the process meet that, too.
class descriptor_limit {
public:
    descriptor_limit() {
        int const next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (next < 0 || ::getrlimit(RLIMIT_NOFILE, &before_) != 0)
            throw std::runtime_error{"descriptor_limit: no limit is known"};
        taken_.push_back(next);
        rlimit bounded = before_;
        bounded.rlim_cur = static_cast<rlim_t>(next) + 1;
        if (::setrlimit(RLIMIT_NOFILE, &bounded) != 0)
            throw std::runtime_error{"descriptor_limit: no limit can be set"};
        take_all();
    }
    descriptor_limit(descriptor_limit const&) = delete;
    descriptor_limit& operator=(descriptor_limit const&) = delete;
    ~descriptor_limit() { lift(); }

    /// Takes what has become free.
    void take_all() {
        for (int taken = ::dup(taken_.front()); taken >= 0; taken = ::dup(taken_.front()))
            taken_.push_back(taken);
        if (errno != EMFILE) throw std::runtime_error{"descriptor_limit: they do not run out"};
    }
    void lift() noexcept {
        for (int const taken : taken_) ::close(taken);
        if (!taken_.empty()) ::setrlimit(RLIMIT_NOFILE, &before_);
        taken_.clear();
    }

private:
    rlimit before_{};
    std::vector<int> taken_;
};

}  // namespace umbel::test
