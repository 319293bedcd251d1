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
    /// `in_batches`: sends the next commands when all are answered, not as replies come.
    explicit raw_floor(traffic const& what, bool in_batches = false)
        : contender{in_batches ? "raw socket floor, batches" : "raw socket floor"},
          traffic_{what},
          in_batches_{in_batches},
          poll_{::epoll_create1(EPOLL_CLOEXEC)} {
        for (std::size_t i = 0; i < what.nodes().size(); ++i) {
            connection& link = links_.emplace_back();
            link.socket = connect_to(what.nodes()[i]);
            ::fcntl(link.socket, F_SETFL, ::fcntl(link.socket, F_GETFL) | O_NONBLOCK);
            epoll_event wanted{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(i)}};
            ::epoll_ctl(poll_, EPOLL_CTL_ADD, link.socket, &wanted);
        }
    }
    ~raw_floor() override {
        for (connection const& link : links_) ::close(link.socket);
        ::close(poll_);
    }

    void run(job const& what, measured& out) override {
        meter count{what, out};
        std::size_t const reply = traffic_.reply_bytes(what.kind);
        for (unsigned i = 0; i < what.outstanding && count.take(); ++i) issue(what.kind, count);
        for (connection& link : links_) flush(link);
        while (in_flight_ != 0) {
            epoll_event ready[8];
            int const events = ::epoll_wait(poll_, ready, 8, -1);
            for (int i = 0; i < events; ++i) {
                connection& link = links_[ready[i].data.u32];
                if (ready[i].events & EPOLLOUT) link.blocked = false;
                std::size_t const replies = receive(link, reply, count);
                if (in_batches_) continue;
                for (std::size_t k = 0; k < replies && count.take(); ++k) issue(what.kind, count);
            }
            for (unsigned i = 0; in_batches_ && (i != 0 || in_flight_ == 0); ++i) {
                if (i == what.outstanding || !count.take()) break;
                issue(what.kind, count);
            }
            for (connection& link : links_) flush(link);
        }
    }

private:
    struct timed {
        std::uint64_t number;
        std::int64_t since;
    };
    struct connection {
        int socket = -1;
        bool blocked = false, polled_for_write = false;
        std::size_t carry = 0;
        std::uint64_t issued = 0, answered = 0;
        std::vector<char> out = std::vector<char>(1 << 16);
        std::size_t begin = 0, end = 0;
        std::deque<timed> samples;
    };

    void issue(command_kind which, meter& count) {
        planned const& next = traffic_.command(which, sequence_++);
        connection& link = links_[next.node];
        if (link.end + next.size > link.out.size()) [[unlikely]]
            link.out.resize(link.out.size() * 2);
        std::memcpy(link.out.data() + link.end, traffic_.wire(which) + next.at, next.size);
        link.end += next.size;
        ++link.issued;
        ++in_flight_;
        if (std::int64_t const since = count.sample()) [[unlikely]]
            link.samples.push_back({link.issued, since});
    }

    std::size_t receive(connection& link, std::size_t reply, meter& count) {
        ssize_t const got = ::recv(link.socket, in_.data(), in_.size(), 0);
        if (got < 0 && errno == EAGAIN) return 0;
        if (got <= 0) die(name(), "the server closed the connection");
        link.carry += static_cast<std::size_t>(got);
        std::size_t const replies = link.carry / reply;
        link.carry %= reply;
        link.answered += replies;
        in_flight_ -= replies;
        while (!link.samples.empty() && link.samples.front().number <= link.answered) {
            count.sampled(link.samples.front().since);
            link.samples.pop_front();
        }
        if (replies) count.done(replies);
        return replies;
    }

    void flush(connection& link) {
        while (link.begin != link.end && !link.blocked) {
            ssize_t const sent =
                ::send(link.socket, link.out.data() + link.begin, link.end - link.begin, MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) die(name(), "the server closed the connection");
            link.blocked = sent < 0;
            if (sent > 0) link.begin += static_cast<std::size_t>(sent);
        }
        if (link.begin == link.end) link.begin = link.end = 0;
        if (link.blocked == link.polled_for_write) return;
        link.polled_for_write = link.blocked;
        epoll_event wanted{.events = EPOLLIN | (link.blocked ? std::uint32_t{EPOLLOUT} : 0u),
                           .data = {.u32 = static_cast<std::uint32_t>(&link - links_.data())}};
        ::epoll_ctl(poll_, EPOLL_CTL_MOD, link.socket, &wanted);
    }

    traffic const& traffic_;
    bool const in_batches_;
    int const poll_;
    std::vector<connection> links_;
    std::vector<char> in_ = std::vector<char>(1 << 16);
    std::size_t sequence_ = 0;
    std::uint64_t in_flight_ = 0;
};

}  // namespace bench
