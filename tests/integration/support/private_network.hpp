// private_network.hpp: a network that only this thread, and what it starts, can see: nodes with addresses of
// their own, and links that can be cut without anybody else noticing.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace umbel::test {

/// Lifetime: whatever is to live in the network must begin and end within this object's life, on its thread
/// or on threads begun there.
class private_network {
public:
    private_network() : obstacle_{enter()} {}
    private_network(private_network const&) = delete;
    ~private_network() {
        if (inside_ && ::setns(backend_, CLONE_NEWNET) != 0) std::abort();
        if (backend_ >= 0) ::close(backend_);
    }

    /// Why there is none; empty when there is.
    std::string const& obstacle() const noexcept { return obstacle_; }

private:
    static bool runs(std::string const& command) {
        return std::system(("{ " + command + "; } > /dev/null 2>&1").c_str()) == 0;
    }
    std::string enter() {
        std::string const none = "no partition by network namespace: ";
        if (::geteuid() != 0) return none + "only root may make one here";
        for (char const* const tool : {"ip", "nsenter", "unshare"})
            if (!runs("command -v " + std::string{tool}))
                return none + "`" + tool + "` is not installed (iproute2, util-linux)";
        backend_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        if (backend_ < 0 || ::unshare(CLONE_NEWNET) != 0) return none + std::strerror(errno);
        inside_ = true;
        bool const links = runs(
            "ip link set lo up && ip link add trial type bridge && ip link add trial0 type veth peer name "
            "trial1");
        return links && runs("ip link delete trial && ip link delete trial0")
                   ? ""
                   : none + "no bridge, or no pair of links (veth), is to be had here";
    }

    int backend_ = -1;
    bool inside_ = false;
    std::string obstacle_;
};

}  // namespace umbel::test
