// learning_call.hpp: a command given by its words that nothing is known of: its client asks a server what it
// is, once for all who call it meanwhile, and sends it when it knows, or has waited for long enough. It is
// compiled with the client, behind calling::encoding.
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
        UMBEL_TRY { of(call).told_ = command::read_command_info(reply, of(call).asked_->name()); }
        UMBEL_CATCH(...) {
        }
    }
    /// What a server has refused it will refuse again; all else passes.
    static void fail(engine::call& call, error&& why) noexcept {
        of(call).passes_ = origin_of(why.code()) != origin::server;
    }
    static void complete(engine::call& call) {
        command_question self{take(call)};
        engine::instant const again =
            engine::after(self.now_, self.passes_ ? self.asked_->longer_pause(unknown_pause) : unknown_pause);
        self.book_->settle(*self.asked_, std::move(self.told_), again);
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
    std::unique_ptr<command::learned_command const> told_;
    bool passes_ = false;  ///< It may be answered another time.
    engine::instant now_{0};
};

/// A command that waits until it is known, is encoded then, and sent. Its operation's call is never sent
/// itself: another one is, with what is left of its time, and its result is moved.
/// Threading: whoever ends the wait goes on.
class learning_call final : public async::call_group, public learner {
public:
    /// Keeps the words. Errors: throws std::bad_alloc.
    learning_call(async::pooled_call& whole, learned_commands& book, site const& from,
                  std::span<std::string_view const> words, std::span<bool const> marked_keys,
                  value_kind const& value)
        : whole_{whole},
          book_{book},
          site_{from},
          marked_{std::make_unique<bool[]>(marked_keys.size())},
          marks_{marked_keys.size()},
          value_{value},
          place_{std::make_shared<learned_commands::ticket>()},
          kind_{.decode = value.result.part.decode,
                .fail = value.result.part.fail,
                .complete = &complete_part,
                .drop = &drop_part,
                .takes_errors = value.result.part.takes_errors} {
        site_.learns = false;
        std::copy(marked_keys.begin(), marked_keys.end(), marked_.get());
        std::size_t bytes = 0;
        for (std::string_view const word : words) bytes += word.size();
        text_.reserve(bytes);
        words_.reserve(words.size());
        for (std::string_view const word : words) {
            words_.emplace_back(text_.data() + text_.size(), word.size());
            text_.append(word);
        }
    }

    void start(async::backend& backend) override {
        // From the moment on at which it may be woken it may end: what is needed later is copied before.
        std::shared_ptr<learned_commands::ticket> const place = place_;
        learned_commands& book = book_;
        std::uint8_t const context = whole_.link.context;
        auto* const token = static_cast<async::shared_token*>(whole_.token);
        token_share const kept{token};
        if (token) token->parts_listed.store(false);
        // No connection has it meanwhile, so nothing else keeps its context busy.
        if (whole_.affinity == async::affinity::on_context)
            async::leave_context(whole_, *backend.contexts().io_of(whole_.link.context));
        engine::instant const now = began_ = backend.now();
        place->who = this;
        place->token = token;
        std::pair<learned_commands::admission, learned_commands::question*> given{
            learned_commands::admission::goes_on, nullptr};
        std::optional<site> from;
        static_cast<void>(async::try_alloc([&] {
            from.emplace(site_);
            std::string const name{words_[0]};
            limit_wait(backend);
            given = book.wait(name, place, now);
        }));
        if (given.first == learned_commands::admission::goes_on) {
            if (learner* const who = book.leave(*place)) who->wake(wakeup::answered);
            return;
        }
        if (given.second) command_question::send(book, *given.second, *from, backend, context);
        if (token && token->wanted.load(std::memory_order_seq_cst))
            if (learner* const who = book.leave(*place)) who->wake(wakeup::cancelled);
    }
    bool lists_parts_later() const noexcept override { return true; }

    void wake(wakeup why) override {
        timer_.reset();
        switch (why) {
            case wakeup::answered:
            case wakeup::impatient: return go_on();
            case wakeup::cancelled: return fail(error{errc::cancelled, delivery::not_sent});
            case wakeup::dropped: return whole_.kind->drop(whole_);
        }
    }

private:
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

    private:
        async::shared_token* token_;
    };

    static learning_call& of(engine::call& part) noexcept {
        return **std::launder(
            reinterpret_cast<learning_call**>(static_cast<async::pooled_call&>(part).handler_space));
    }

    /// At half of its time, or after command_question::time_max, it goes on without an answer: the context
    /// that the question travels on is another caller's, and may stand still. Errors: throws std::bad_alloc.
    void limit_wait(async::backend& backend) {
        engine::duration const all = site_.options.deadline;
        bool const limited = all > engine::duration{0} && all / 2 < command_question::time_max;
        engine::duration const span = limited ? all / 2 : command_question::time_max;
        backend.call_after(timer_, span, [place = place_, book = &book_, where = backend.weak_from_this()] {
            auto const alive = where.lock();
            learner* const who = alive ? book->leave(*place) : nullptr;
            if (who) who->wake(wakeup::impatient);
        });
    }

    /// Encodes the command by what is known now, and sends it.
    void go_on() {
        async::backend* const where = async::backend_of(whole_);
        if (!where) return fail(error{errc::cancelled, delivery::not_sent, "the client is gone"});
        if (whole_.cancel_wanted()) return fail(error{errc::cancelled, delivery::not_sent});
        if (site_.options.deadline > engine::duration{0}) {
            site_.options.deadline -= where->now() - began_;
            if (site_.options.deadline <= engine::duration{0})
                return fail(error{errc::deadline_exceeded, delivery::not_sent,
                                  "the deadline passed while a server was asked what the command is"});
        }
        async::pooled_call* made = nullptr;
        if (!async::try_alloc([&] {
                made = &site_.code->make_words_for_all(site_, words_, {marked_.get(), marks_}, value_);
            }))
            return fail(error{errc::no_memory, delivery::not_sent});
        send(*where, *made);
    }
    void send(async::backend& where, async::pooled_call& part) {
        ::new (static_cast<void*>(part.handler_space)) learning_call* {this};
        part.kind = &kind_;
        if (part.launch == async::launch_kind::ready) return settle(part, &where);
        part.link.context = whole_.link.context;
        auto* const token = static_cast<async::shared_token*>(whole_.token);
        if (!token) return begin(where, part);
        // The part takes the token over, so that a cancellation finds it, and what it begins.
        token_share const kept{token};
        auto const alive = where.weak_from_this().lock();
        token->target = &part;
        part.token = std::exchange(whole_.token, nullptr);
        bool const listed_here = !(part.group && part.group->lists_parts_later());
        if (!part.group) token->parts_listed.store(true);
        begin(where, part);
        if (!listed_here) return;
        token->parts_listed.store(true);
        if (!token->wanted.load()) return;
        for (async::shared_token* const other : token->parts)
            static_cast<void>(async::try_alloc([&] { where.request_cancel(*other); }));
    }
    static void begin(async::backend& where, async::pooled_call& part) {
        if (part.launch == async::launch_kind::direct) return where.start(part);
        async::start_indirect(where, part);
    }

    static void complete_part(engine::call& base) {
        of(base).settle(static_cast<async::pooled_call&>(base), nullptr);
    }
    static void drop_part(engine::call& base) noexcept {
        learning_call& self = of(base);
        self.take_back(static_cast<async::pooled_call&>(base));
        self.whole_.kind->drop(self.whole_);
    }
    /// Moves the result. `later`: by whom it completes, where it may not right here.
    void settle(async::pooled_call& part, async::backend* later) {
        value_.result.take(whole_, part, delivery::not_sent);
        take_back(part);
        if (later) return later->complete_later(whole_);
        whole_.kind->complete(whole_);
    }
    void take_back(async::pooled_call& part) noexcept {
        if (part.token) {
            whole_.token = std::exchange(part.token, nullptr);
            whole_.token->target = &whole_;
        }
        value_.result.recycle(part);
    }
    void fail(error why) {
        whole_.kind->fail(whole_, std::move(why));
        if (async::backend* const where = async::backend_of(whole_)) return where->complete_later(whole_);
        whole_.kind->complete(whole_);
    }

    async::pooled_call& whole_;
    learned_commands& book_;
    site site_;
    std::string text_;
    std::vector<std::string_view> words_;
    std::unique_ptr<bool[]> marked_;
    std::size_t marks_;
    value_kind const& value_;
    std::shared_ptr<learned_commands::ticket> place_;
    engine::call_kind const kind_;
    std::unique_ptr<async::backend::wait> timer_;
    engine::instant began_{0};
};

/// Has a call of a command that nothing is known of wait for what a server says of it; false where that is
/// no use: nobody may ask now, or the command goes where its caller has chosen.
inline bool learn(async::pooled_call& call, site const& site, std::span<std::string_view const> words,
                  std::span<bool const> marked_keys, value_kind const& value) noexcept {
    async::backend* const where = async::backend_of(site.owner, site.generation);
    // An unknown subcommand of a known command is a matter of the table.
    if (!site.learns || !where || call.launch != async::launch_kind::direct ||
        command::find_command(words[0], {}))
        return false;
    return async::try_alloc([&] {
               async::backend::attachment* const kept = where->attached();
               auto& book = static_cast<learned_commands&>(
                   kept ? *kept : where->attach(std::make_unique<learned_commands>()));
               if (!book.may_ask(words[0], where->now())) return;
               call.group = std::make_unique<learning_call>(call, book, site, words, marked_keys, value);
               call.launch = async::launch_kind::group;
           }) &&
           call.group;
}

}  // namespace umbel::calling
