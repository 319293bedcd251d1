// raw_floor.hpp: the floor: epoll, one receive and one send a turn, commands encoded beforehand, replies only
// counted by their bytes. No client can be cheaper on these system calls; it does nothing that a client is
// for.
#pragma once

#include <support/traffic.hpp>

#include <fcntl.h>
#include <sys/epoll.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

namespace bench {

class raw_floor final : public contender {
public:
    explicit raw_floor(traffic const& what)
        : contender{"raw socket floor"}, traffic_{what}, poll_{::epoll_create1(EPOLL_CLOEXEC)} {
        for (std::size_t i = 0; i < what.nodes().size(); ++i) {
            link& one = links_.emplace_back();
            one.socket = connect_to(what.nodes()[i]);
            ::fcntl(one.socket, F_SETFL, ::fcntl(one.socket, F_GETFL) | O_NONBLOCK);
            epoll_event wanted{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(i)}};
            ::epoll_ctl(poll_, EPOLL_CTL_ADD, one.socket, &wanted);
        }
    }
    ~raw_floor() override {
        for (link const& one : links_) ::close(one.socket);
        ::close(poll_);
    }

    void run(job const& what, measured& out) override {
        meter count{what, out};
        std::size_t const reply = traffic_.reply_bytes(what.verb);
        for (unsigned i = 0; i < what.outstanding && count.take(); ++i) issue(what.verb, count);
        for (link& one : links_) flush(one);
        while (in_flight_ != 0) {
            epoll_event ready[8];
            int const events = ::epoll_wait(poll_, ready, 8, -1);
            for (int i = 0; i < events; ++i) {
                link& one = links_[ready[i].data.u32];
                if (ready[i].events & EPOLLOUT) one.blocked = false;
                std::size_t const replies = receive(one, reply, count);
                for (std::size_t k = 0; k < replies && count.take(); ++k) issue(what.verb, count);
            }
            for (link& one : links_) flush(one);
        }
    }

private:
    struct timed {
        std::uint64_t number;
        std::int64_t since;
    };
    struct link {
        int socket = -1;
        bool blocked = false, polled_for_write = false;
        std::size_t carry = 0;
        std::uint64_t issued = 0, answered = 0;
        std::vector<char> out = std::vector<char>(1 << 16);
        std::size_t begin = 0, end = 0;
        std::deque<timed> samples;
    };

    void issue(verb which, meter& count) {
        planned const& next = traffic_.command(which, sequence_++);
        link& one = links_[next.node];
        if (one.end + next.size > one.out.size()) [[unlikely]]
            one.out.resize(one.out.size() * 2);
        std::memcpy(one.out.data() + one.end, traffic_.wire(which) + next.at, next.size);
        one.end += next.size;
        ++one.issued;
        ++in_flight_;
        if (std::int64_t const since = count.sample()) [[unlikely]]
            one.samples.push_back({one.issued, since});
    }

    std::size_t receive(link& one, std::size_t reply, meter& count) {
        ssize_t const got = ::recv(one.socket, in_.data(), in_.size(), 0);
        if (got < 0 && errno == EAGAIN) return 0;
        if (got <= 0) die(name(), "the server closed the connection");
        one.carry += static_cast<std::size_t>(got);
        std::size_t const replies = one.carry / reply;
        one.carry %= reply;
        one.answered += replies;
        in_flight_ -= replies;
        while (!one.samples.empty() && one.samples.front().number <= one.answered) {
            count.sampled(one.samples.front().since);
            one.samples.pop_front();
        }
        if (replies) count.done(replies);
        return replies;
    }

    void flush(link& one) {
        while (one.begin != one.end && !one.blocked) {
            ssize_t const sent =
                ::send(one.socket, one.out.data() + one.begin, one.end - one.begin, MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) die(name(), "the server closed the connection");
            one.blocked = sent < 0;
            if (sent > 0) one.begin += static_cast<std::size_t>(sent);
        }
        if (one.begin == one.end) one.begin = one.end = 0;
        if (one.blocked == one.polled_for_write) return;
        one.polled_for_write = one.blocked;
        epoll_event wanted{.events = EPOLLIN | (one.blocked ? std::uint32_t{EPOLLOUT} : 0u),
                           .data = {.u32 = static_cast<std::uint32_t>(&one - links_.data())}};
        ::epoll_ctl(poll_, EPOLL_CTL_MOD, one.socket, &wanted);
    }

    traffic const& traffic_;
    int const poll_;
    std::vector<link> links_;
    std::vector<char> in_ = std::vector<char>(1 << 16);
    std::size_t sequence_ = 0;
    std::uint64_t in_flight_ = 0;
};

}  // namespace bench
