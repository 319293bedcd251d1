// learning_wait.hpp: an operation that waits until its client has learned what some commands are: the client
// asks a server, once for all who wait meanwhile, and goes on when it knows, or has waited for long enough.
// It is compiled with the client, behind calling::encoding.
#pragma once

#include <umbel/async/completion_target_impl.hpp>
#include <umbel/client/encode_call.hpp>
#include <umbel/client/learned_commands.hpp>
#include <umbel/command/command_info.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::calling {

/// COMMAND INFO on its way: its own call, which nobody awaits. What it brings goes to learned_commands.
class command_question {
public:
    /// The longest that anybody waits for the answer, and the deadline of the question.
    static constexpr engine::duration time_max = std::chrono::seconds{5};
    /// A name that no server knows, or that nobody may ask for, is asked again after this.
    static constexpr engine::duration unknown_pause = std::chrono::minutes{1};

    /// Sends it. Errors: where there is no memory for it, it is settled at once.
    static void send(learned_commands& book, learned_commands::question& asked, site const& from,
                     async::backend& where, std::uint8_t context) {
        async::pooled_call* call = nullptr;
        bool const made = async::try_alloc([&] {
            static constexpr command::command_spec info{"COMMAND INFO", cluster::command_flags::read_only};
            call = async::pool::take(*from.owner);
            command::argument const name{asked.name()};
            encode_any(*call, info, {&name, 1}, name.size());
        });
        if (!made) {
            if (call) async::pool::recycle(call);
            return book.settle(asked, nullptr, where.now());
        }
        static constexpr engine::call_kind kind{
            .decode = &decode, .fail = &fail, .complete = &complete, .drop = &drop};
        call->generation = from.generation;
        call->flags = cluster::command_flags::read_only;
        call->reads = read_from::primary;
        call->timeout = time_max;
        call->link.context = context;
        call->kind = &kind;
        ::new (static_cast<void*>(call->handler_space)) command_question{book, asked};
        where.start(*call);
    }

private:
    command_question(learned_commands& book, learned_commands::question& asked) noexcept
        : book_{&book}, asked_{&asked} {}
    static command_question& of(engine::call& call) noexcept {
        return *std::launder(
            reinterpret_cast<command_question*>(static_cast<async::pooled_call&>(call).handler_space));
    }
    static void decode(engine::call& call, resp::view const& reply) noexcept {
        UMBEL_TRY { of(call).row_ = command::read_command_info(reply, of(call).asked_->name()); }
        UMBEL_CATCH(...) {
        }
    }
    /// What a server has refused it will refuse again; all else passes.
    static void fail(engine::call& call, error&& why) noexcept {
        of(call).is_transient_ = origin_of(why.code()) != origin::server;
    }
    static void complete(engine::call& call) {
        command_question self{take(call)};
        engine::instant const again = engine::after(
            self.now_, self.is_transient_ ? self.asked_->longer_pause(unknown_pause) : unknown_pause);
        self.book_->settle(*self.asked_, std::move(self.row_), again);
    }
    static void drop(engine::call& call) noexcept {
        command_question self{take(call)};
        self.book_->drop(*self.asked_);
    }
    /// Gives the call back.
    static command_question take(engine::call& base) noexcept {
        auto& call = static_cast<async::pooled_call&>(base);
        command_question self{std::move(of(call))};
        if (async::backend const* const where = async::backend_of(call)) self.now_ = where->now();
        of(call).~command_question();
        async::pool::recycle(&call);
        return self;
    }

    learned_commands* book_;
    learned_commands::question* asked_;
    std::unique_ptr<command::learned_command const> row_;
    bool is_transient_ = false;  ///< It may be answered another time.
    engine::instant now_{0};
};

/// Keeps a token, where there is one, while its call may have ended.
class token_share {
public:
    explicit token_share(async::shared_token* token) noexcept : token_{token} {
        if (token_) token_->references.fetch_add(1, std::memory_order_relaxed);
    }
    token_share(token_share const&) = delete;
    token_share& operator=(token_share const&) = delete;
    ~token_share() {
        if (token_) token_->release();
    }

    /// All parts are listed from now on: each hears of a cancellation that has come before.
    void parts_are_listed(async::backend& where) const noexcept {
        if (!token_) return;
        token_->parts_listed.store(true);
        if (!token_->wanted.load()) return;
        for (async::shared_token* const part : token_->parts)
            static_cast<void>(async::try_alloc([&] { where.request_cancel(*part); }));
    }

private:
    async::shared_token* token_;
};

/// Waits for one name after another, and goes on then: by what is known, else by the guess.
/// Threading: one thing is under way at any time; whoever ends the wait goes on.
class learning_wait : public async::call_group, public learner {
public:
    void start(async::backend& backend) final {
        if (auto* const token = token_of(whole_)) token->parts_listed.store(false);
        // No connection has it meanwhile, so nothing else keeps its context busy.
        if (whole_.affinity == async::affinity::on_context)
            async::leave_context(whole_, *backend.contexts().io_of(whole_.link.context));
        began_ = backend.now();
        wait_for_rest();
    }
    bool lists_parts_later() const noexcept final { return true; }

    void wake(wakeup why) final {
        timer_.reset();
        switch (why) {
            case wakeup::answered: return answered();
            case wakeup::impatient: return learned();
            case wakeup::cancelled: return fail(error{errc::cancelled, delivery::not_sent});
            case wakeup::dropped: return whole_.kind->drop(whole_);
        }
    }

protected:
    /// `names`: at least one.
    learning_wait(async::pooled_call& whole, learned_commands& book, site const& from,
                  std::vector<std::string>&& names)
        : whole_{whole}, book_{book}, site_{from}, names_{std::move(names)} {
        site_.learns = false;
    }

    /// Everything is known, or will not be. The client is there, and nobody has cancelled the operation.
    virtual void go_on(async::backend& where) = 0;

    async::pooled_call& whole() const noexcept { return whole_; }
    /// Of what follows the wait: it does not learn again, and has the deadline that is left.
    site const& from() const noexcept { return site_; }
    static async::shared_token* token_of(async::pooled_call const& call) noexcept {
        return static_cast<async::shared_token*>(call.token);
    }
    void fail(error why) {
        whole_.kind->fail(whole_, std::move(why));
        if (async::backend* const where = async::backend_of(whole_)) return where->complete_later(whole_);
        whole_.kind->complete(whole_);
    }

private:
    void answered() {
        ++next_;
        wait_for_rest();
    }
    void learned() {
        async::backend* const where = async::backend_of(whole_);
        if (!where) return fail(error{errc::cancelled, delivery::not_sent, "the client is gone"});
        if (whole_.cancel_wanted()) return fail(error{errc::cancelled, delivery::not_sent});
        std::chrono::nanoseconds& left = site_.options.deadline;
        if (left > engine::duration{0}) {
            left -= where->now() - began_;
            if (left <= engine::duration{0})
                return fail(error{errc::deadline_exceeded, delivery::not_sent,
                                  "the deadline passed while a server was asked what the command is"});
        }
        go_on(*where);
    }

    /// Waits for each name that is left. This may be gone afterwards.
    void wait_for_rest() {
        for (; next_ < names_.size(); ++next_) {
            async::backend* const where = async::backend_of(whole_);
            if (!where) break;
            if (waits_for_next(*where)) return;
            timer_.reset();
        }
        learned();
    }
    /// False where there is nothing to wait for; else whoever ends the wait goes on, and this may be gone.
    bool waits_for_next(async::backend& backend) {
        // From the moment on at which it may be woken it may end: what is needed later is copied before.
        learned_commands& book = book_;
        std::uint8_t const context = whole_.link.context;
        auto* const token = token_of(whole_);
        token_share const kept{token};
        std::shared_ptr<learned_commands::ticket> ticket;
        std::pair<learned_commands::admission, learned_commands::question*> admitted{
            learned_commands::admission::goes_on, nullptr};
        std::optional<site> from;
        static_cast<void>(async::try_alloc([&] {
            from.emplace(site_);
            std::string const name{names_[next_]};
            auto made = std::make_shared<learned_commands::ticket>();
            made->who = this;
            made->token = token;
            ticket = std::move(made);
            engine::instant const now = backend.now();
            limit_wait(backend, ticket, now);
            admitted = book.wait(name, ticket, now);
        }));
        // Without a ticket nobody can wake it; with one its timer may have done so.
        if (admitted.first == learned_commands::admission::goes_on) return ticket && !book.leave(*ticket);
        if (admitted.second) command_question::send(book, *admitted.second, *from, backend, context);
        if (token && token->wanted.load(std::memory_order_seq_cst))
            if (learner* const waiting = book.leave(*ticket)) waiting->wake(wakeup::cancelled);
        return true;
    }

    /// At half of its time, or after command_question::time_max, it goes on without an answer: the context
    /// that the question travels on is another caller's, and may stand still. Errors: throws std::bad_alloc.
    void limit_wait(async::backend& backend, std::shared_ptr<learned_commands::ticket> const& ticket,
                    engine::instant now) {
        engine::duration const all = site_.options.deadline;
        bool const limited = all > engine::duration{0} && all / 2 < command_question::time_max;
        engine::duration const span = limited ? all / 2 : command_question::time_max;
        backend.call_after(timer_, std::max(engine::duration{0}, span - (now - began_)),
                           [ticket, book = &book_, where = backend.weak_from_this()] {
                               auto const alive = where.lock();
                               learner* const waiting = alive ? book->leave(*ticket) : nullptr;
                               if (waiting) waiting->wake(wakeup::impatient);
                           });
    }

    async::pooled_call& whole_;
    learned_commands& book_;
    site site_;
    std::vector<std::string> names_;
    std::size_t next_ = 0;
    std::unique_ptr<async::backend::wait> timer_;
    engine::instant began_{0};
};

/// The book of a client that may ask; null where it may not. Errors: throws std::bad_alloc.
inline learned_commands* book_of(site const& from) {
    async::backend* const where = async::backend_of(from.owner, from.generation);
    if (!from.learns || !where) return nullptr;
    async::backend::attachment* const kept = where->attached();
    return static_cast<learned_commands*>(
        kept ? kept : &where->attach(std::make_unique<learned_commands>(from.waiting_max)));
}
/// True where a command should wait until it is known.
inline bool should_learn(learned_commands const& book, site const& from,
                         std::span<std::string_view const> words) noexcept {
    async::backend const* const where = async::backend_of(from.owner, from.generation);
    return where && !row_of(from, words) && book.may_ask(words[0], where->now());
}

}  // namespace umbel::calling
