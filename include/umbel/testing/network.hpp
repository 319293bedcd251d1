// network.hpp: all listeners of a simulated network by address, and the streams to them: who accepts, who
// refuses, who is silent. It knows no protocol.
#pragma once

#include <umbel/testing/stream.hpp>

#include <map>
#include <memory>
#include <vector>

namespace umbel::testing {

/// All listeners by address, and the streams to them.
class network {
public:
    network(timeline& time, network_options const& options) : time_{time}, options_{options} {}
    network(network const&) = delete;
    network& operator=(network const&) = delete;

    network_options& options() noexcept { return options_; }
    void listen(cluster::endpoint const& address, listener& by) { listeners_[address] = &by; }
    void leave(cluster::endpoint const& address) { listeners_.erase(address); }
    std::uint64_t connects() const noexcept { return connects_; }
    /// Bytes that have arrived at servers on streams that their clients had closed or aborted before.
    std::uint64_t late_bytes() const noexcept { return late_bytes_; }

    /// Begins to connect; the owner hears of it later, or never.
    std::shared_ptr<stream> connect(cluster::endpoint const& address, stream_owner& owner,
                                    std::uint32_t epoch) {
        ++connects_;
        auto const found = listeners_.find(address);
        listener& to = found == listeners_.end() ? nobody_ : *found->second;
        auto made = std::make_shared<stream>(time_, options_, to, owner, epoch, connects_, late_bytes_);
        if (time_.chance(options_.lost_connect_percent)) return made;
        time_.in(time_.between(options_.latency_min, options_.latency_max), [this, made] { arrive(made); });
        return made;
    }

    /// The streams to one listener that are still held by somebody, oldest first.
    std::vector<std::shared_ptr<stream>> streams_to(listener const& by) {
        auto found = live();
        std::erase_if(found, [&](auto const& waiting) {
            return &waiting->server() != &by || waiting->ended() || waiting->abandoned();
        });
        return found;
    }
    /// Ends what was planned against streams: no further cut, spike or lost connect.
    void calm() {
        options_.cut_percent = options_.spike_percent = options_.lost_connect_percent = 0;
        options_.tls_failure_percent = 0;
        for (auto const& node : live()) node->spare();
        spared_until_ = connects_;
    }
    /// Streams to `by` go on after a silence.
    void resume(listener const& by) {
        for (auto const& node : live()) {
            if (&node->server() == &by) node->resume();
        }
    }

private:
    struct void_listener final : listener {
        answer knocked() override { return answer::refuses; }
        void accepted(std::shared_ptr<stream> const&) override {}
        void arrived(std::shared_ptr<stream> const&) override {}
        bool unreachable() const override { return false; }
    };

    void arrive(std::shared_ptr<stream> const& made) {
        if (made->number() <= spared_until_) made->spare();
        if (made->abandoned()) return;
        if (made->server().unreachable()) return;
        listener::answer const said = made->server().knocked();
        if (said == listener::answer::silent) return;
        connect_outcome how =
            said == listener::answer::accepts ? connect_outcome::good : connect_outcome::refused;
        duration takes = time_.between(options_.latency_min, options_.latency_max);
        if (how == connect_outcome::good && options_.tls_failure_percent != 0 &&
            time_.chance(options_.tls_failure_percent)) {
            // Server and client have said hello to each other, and one of them does not like it. A server
            // has no client before TLS is agreed upon.
            how = connect_outcome::tls_failed;
            takes += 2 * time_.between(options_.latency_min, options_.latency_max);
        }
        if (how == connect_outcome::good) {
            streams_.push_back(made);
            made->server().accepted(made);
        }
        time_.in(takes, [made, how] { made->connected(how); });
    }
    std::vector<std::shared_ptr<stream>> live() {
        std::vector<std::shared_ptr<stream>> found;
        std::erase_if(streams_, [&](std::weak_ptr<stream> const& known) {
            auto held = known.lock();
            if (!held) return true;
            found.push_back(std::move(held));
            return false;
        });
        return found;
    }

    timeline& time_;
    network_options options_;
    /// Streams up to this number are cut no more, also those that are on their way when calm() comes.
    std::uint64_t spared_until_ = 0;
    void_listener nobody_;
    std::map<cluster::endpoint, listener*> listeners_;
    std::vector<std::weak_ptr<stream>> streams_;
    std::uint64_t connects_ = 0;
    std::uint64_t late_bytes_ = 0;
};

}  // namespace umbel::testing
