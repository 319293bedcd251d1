// hiredis_contender.hpp: hiredis' asynchronous interface on the cheapest event loop it can have: epoll, no
// call of epoll_ctl in steady state, one write a turn. And the same on libevent, as most programs use it.
#pragma once

#include <support/traffic.hpp>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#if defined(UMBEL_WITH_LIBEVENT)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include <event2/event.h>
#include <hiredis/adapters/libevent.h>
#pragma GCC diagnostic pop
#endif

#include <sys/epoll.h>

#include <bit>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// What every form of hiredis shares: one connection, a callback that checks and sends the next command.
class hiredis_contender : public contender {
public:
    hiredis_contender(std::string name, traffic const& what, bool encoded_before)
        : hiredis_contender{std::move(name), what, encoded_before, what.nodes()[0], {}} {}
    /// `prepare` has the connection speak TLS.
    hiredis_contender(std::string name, traffic const& what, bool encoded_before, address const& where,
                      std::function<void(redisContext&)> const& prepare)
        : contender{std::move(name)}, traffic_{what}, encoded_before_{encoded_before} {
        context_ = redisAsyncConnect(where.host.c_str(), where.port);
        if (!context_ || context_->err) die("hiredis", context_ ? context_->errstr : "out of memory");
        if (prepare) prepare(context_->c);
        int const yes = 1;
        ::setsockopt(context_->c.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }

    void run(job const& what, measured& out) override {
        meter count{what, out};
        count_ = &count;
        verb_ = what.kind;
        slots_.resize(std::bit_ceil(std::size_t{what.outstanding} + 1));
        for (unsigned i = 0; i < what.outstanding; ++i) issue();
        while (in_flight_ != 0) turn();
    }

protected:
    virtual void turn() = 0;
    redisAsyncContext* context() const noexcept { return context_; }

private:
    struct slot {
        hiredis_contender* self;
        std::int64_t since;
    };

    void issue() {
        if (!count_->take()) return;
        ++in_flight_;
        std::size_t const index = sequence_++;
        slot& mine = slots_[index & (slots_.size() - 1)];
        mine = {this, count_->sample()};
        int sent = REDIS_ERR;
        if (encoded_before_) {
            planned const& next = traffic_.command(verb_, index);
            sent = redisAsyncFormattedCommand(context_, &hiredis_contender::answered, &mine,
                                              traffic_.wire(verb_) + next.at, next.size);
        } else {
            std::string_view const key = traffic_.key(index);
            char const* words[] = {verb_ == command_kind::get ? "GET" : "SET", key.data(),
                                   traffic_.value().data()};
            std::size_t const sizes[] = {3, key.size(), traffic_.value().size()};
            sent = redisAsyncCommandArgv(context_, &hiredis_contender::answered, &mine,
                                         verb_ == command_kind::get ? 2 : 3, words, sizes);
        }
        if (sent != REDIS_OK) [[unlikely]]
            die(name(), context_->errstr);
    }

    static void answered(redisAsyncContext*, void* raw, void* private_data) {
        slot const mine = *static_cast<slot*>(private_data);
        hiredis_contender& self = *mine.self;
        auto const* const reply = static_cast<redisReply const*>(raw);
        if (!reply) die(self.name(), "the connection was lost");
        bool const good = self.verb_ == command_kind::get
                              ? reply->type == REDIS_REPLY_STRING &&
                                    static_cast<std::size_t>(reply->len) == self.traffic_.value().size()
                              : reply->type == REDIS_REPLY_STATUS;
        if (!good) [[unlikely]]
            die(self.name(), reply->str ? reply->str : "a value is missing or has another size");
        --self.in_flight_;
        self.count_->sampled(mine.since);
        self.count_->done();
        self.issue();
    }

    traffic const& traffic_;
    bool const encoded_before_;
    redisAsyncContext* context_ = nullptr;
    meter* count_ = nullptr;
    command_kind verb_ = command_kind::get;
    std::size_t sequence_ = 0, in_flight_ = 0;
    std::vector<slot> slots_;
};

/// The event loop written for it.
class hiredis_epoll final : public hiredis_contender {
public:
    hiredis_epoll(std::string name, traffic const& what, bool encoded_before)
        : hiredis_epoll{std::move(name), what, encoded_before, what.nodes()[0], {}} {}
    hiredis_epoll(std::string name, traffic const& what, bool encoded_before, address const& where,
                  std::function<void(redisContext&)> const& prepare)
        : hiredis_contender{std::move(name), what, encoded_before, where, prepare},
          poll_{::epoll_create1(EPOLL_CLOEXEC)} {
        epoll_event wanted{.events = EPOLLIN | EPOLLOUT, .data = {}};
        ::epoll_ctl(poll_, EPOLL_CTL_ADD, context()->c.fd, &wanted);
        polled_for_write_ = true;
        auto& hooks = context()->ev;
        hooks.data = this;
        hooks.addRead = [](void*) {};
        hooks.delRead = [](void*) {};
        hooks.addWrite = [](void* self) { static_cast<hiredis_epoll*>(self)->wants_write_ = true; };
        hooks.delWrite = [](void* self) { static_cast<hiredis_epoll*>(self)->wants_write_ = false; };
        hooks.cleanup = [](void*) {};
        while (!(context()->c.flags & REDIS_CONNECTED)) {
            epoll_event ready;
            if (::epoll_wait(poll_, &ready, 1, -1) == 1) redisAsyncHandleWrite(context());
        }
        poll_for_write(false);
    }
    ~hiredis_epoll() override {
        redisAsyncFree(context());
        ::close(poll_);
    }

private:
    void turn() override {
        if (wants_write_) redisAsyncHandleWrite(context());
        poll_for_write(wants_write_);
        epoll_event ready;
        if (::epoll_wait(poll_, &ready, 1, -1) != 1) return;
        if (ready.events & EPOLLIN) redisAsyncHandleRead(context());
    }
    void poll_for_write(bool wanted) {
        if (wanted == polled_for_write_) return;
        polled_for_write_ = wanted;
        epoll_event change{.events = EPOLLIN | (wanted ? std::uint32_t{EPOLLOUT} : 0u), .data = {}};
        ::epoll_ctl(poll_, EPOLL_CTL_MOD, context()->c.fd, &change);
    }

    int const poll_;
    bool wants_write_ = false, polled_for_write_ = false;
};

#if defined(UMBEL_WITH_LIBEVENT)
class hiredis_libevent final : public hiredis_contender {
public:
    hiredis_libevent(std::string name, traffic const& what)
        : hiredis_contender{std::move(name), what, false}, base_{event_base_new()} {
        redisLibeventAttach(context(), base_);
        event_base_loop(base_, EVLOOP_ONCE);
    }
    ~hiredis_libevent() override {
        redisAsyncFree(context());
        event_base_free(base_);
    }

private:
    void turn() override { event_base_loop(base_, EVLOOP_ONCE); }
    event_base* const base_;
};
#endif

}  // namespace bench
