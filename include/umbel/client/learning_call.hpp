// learning_call.hpp: commands and transactions that wait until what they name is known, are encoded then, and
// sent. It is compiled with the client, behind calling::encoding.
#pragma once

#include <umbel/client/encode_prefixed.hpp>
#include <umbel/client/learning_wait.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::calling {

/// An operation whose call is never sent itself: another one is made when the wait is over, and its result is
/// moved.
class learning_stand_in : public learning_wait {
protected:
    learning_stand_in(async::pooled_call& whole, learned_commands& book, site const& from,
                      std::vector<std::string>&& names, value_kind const& value)
        : learning_wait{whole, book, from, std::move(names)},
          value_{value},
          kind_{.decode = value.result.part.decode,
                .fail = value.result.part.fail,
                .complete = &complete_part,
                .drop = &drop_part,
                .takes_errors = value.result.part.takes_errors} {}

    /// The call, by what is known now. Errors: throws std::bad_alloc.
    virtual async::pooled_call& make() = 0;
    value_kind const& value() const noexcept { return value_; }

private:
    static learning_stand_in& of(engine::call& part) noexcept {
        return **std::launder(
            reinterpret_cast<learning_stand_in**>(static_cast<async::pooled_call&>(part).handler_space));
    }

    void go_on(async::backend& where) final {
        async::pooled_call* made = nullptr;
        if (!async::try_alloc([&] { made = &make(); }))
            return fail(error{errc::no_memory, delivery::not_sent});
        send(where, *made);
    }
    void send(async::backend& where, async::pooled_call& part) {
        ::new (static_cast<void*>(part.handler_space)) learning_stand_in* {this};
        part.kind = &kind_;
        if (part.launch == async::launch_kind::ready) return settle(part, &where);
        part.link.context = whole().link.context;
        async::shared_token* const token = token_of(whole());
        if (!token) return begin(where, part);
        // The part takes the token over, so that a cancellation finds it, and what it begins.
        token_share const kept{token};
        auto const alive = where.weak_from_this().lock();
        token->target = &part;
        part.token = std::exchange(whole().token, nullptr);
        bool const listed_here = !(part.group && part.group->lists_parts_later());
        if (!part.group) token->parts_listed.store(true);
        begin(where, part);
        if (listed_here) kept.parts_are_listed(where);
    }
    static void begin(async::backend& where, async::pooled_call& part) {
        if (part.launch == async::launch_kind::direct) return where.start(part);
        async::start_indirect(where, part);
    }

    static void complete_part(engine::call& base) {
        of(base).settle(static_cast<async::pooled_call&>(base), nullptr);
    }
    static void drop_part(engine::call& base) noexcept {
        learning_stand_in& self = of(base);
        self.take_back(static_cast<async::pooled_call&>(base));
        self.whole().kind->drop(self.whole());
    }
    /// Moves the result. `later`: by whom it completes, where it may not right here.
    void settle(async::pooled_call& part, async::backend* later) {
        value_.result.take(whole(), part, delivery::not_sent);
        take_back(part);
        if (later) return later->complete_later(whole());
        whole().kind->complete(whole());
    }
    void take_back(async::pooled_call& part) noexcept {
        if (part.token) {
            whole().token = std::exchange(part.token, nullptr);
            whole().token->target = &whole();
        }
        value_.result.recycle(part);
    }

    value_kind const& value_;
    engine::call_kind const kind_;
};

/// A command given by its words.
class learning_call final : public learning_stand_in {
public:
    /// Keeps the words. Errors: throws std::bad_alloc.
    learning_call(async::pooled_call& whole, learned_commands& book, site const& from,
                  std::span<std::string_view const> words, std::span<bool const> marked_keys,
                  value_kind const& value)
        : learning_stand_in{whole, book, from, {std::string{words[0]}}, value},
          marked_{std::make_unique<bool[]>(marked_keys.size())},
          marks_{marked_keys.size()} {
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

private:
    async::pooled_call& make() override {
        return from().code->make_words_for_all(from(), words_, {marked_.get(), marks_}, value());
    }

    std::string text_;
    std::vector<std::string_view> words_;
    std::unique_ptr<bool[]> marked_;
    std::size_t marks_;
};

/// A transaction.
class learning_transaction final : public learning_stand_in {
public:
    /// Takes over the commands. Errors: throws std::bad_alloc; they are as before then.
    learning_transaction(async::pooled_call& whole, learned_commands& book, site const& from,
                         std::vector<std::string>&& names, std::span<encoded_command* const> commands,
                         bool watches, value_kind const& value)
        : learning_stand_in{whole, book, from, std::move(names), value}, watches_{watches} {
        commands_.reserve(commands.size());
        order_.reserve(commands.size());
        for (encoded_command* const command : commands)
            order_.push_back(&commands_.emplace_back(std::move(*command)));
    }

private:
    async::pooled_call& make() override {
        return from().code->make_transaction(from(), order_, watches_, value());
    }

    std::vector<encoded_command> commands_;
    std::vector<encoded_command*> order_;
    bool watches_;
};

/// Has a call of a command that nothing is known of wait for what a server says of it; false where that is
/// no use: nobody may ask now, or the command goes where its caller has chosen.
inline bool learn(async::pooled_call& call, site const& site, std::span<std::string_view const> words,
                  std::span<bool const> marked_keys, value_kind const& value) noexcept {
    if (call.launch != async::launch_kind::direct) return false;
    return async::try_alloc([&] {
               learned_commands* const book = book_of(site);
               if (!book || !should_learn(*book, site, words)) return;
               call.group = std::make_unique<learning_call>(call, *book, site, words, marked_keys, value);
               call.launch = async::launch_kind::group;
           }) &&
           call.group;
}

/// The names of commands given by their words, of which nothing is known and a server may be asked.
class unlearned_names {
public:
    explicit unlearned_names(site const& from) noexcept : from_{from} {}

    /// `bytes`: of an encoded command. Errors: throws std::bad_alloc.
    void add(std::string_view bytes) {
        if (!from_.learns || names_.size() == learned_commands::names_max) return;
        if (!book_) book_ = book_of(from_);
        auto const words = first_words(bytes.substr(bytes.find('\n') + 1));
        std::span const known{words.data(), words[1].empty() ? 1u : 2u};
        if (!book_ || words[0].empty() || !should_learn(*book_, from_, known)) return;
        auto const same = [&](std::string const& name) {
            return command::equal_ignoring_case(name, words[0]);
        };
        if (std::none_of(names_.begin(), names_.end(), same)) names_.emplace_back(words[0]);
    }
    bool empty() const noexcept { return names_.empty(); }
    learned_commands& book() const noexcept { return *book_; }
    std::vector<std::string> take() noexcept { return std::move(names_); }

private:
    site const& from_;
    learned_commands* book_ = nullptr;
    std::vector<std::string> names_;
};

/// Behind encoding::make_transaction. On a lease it goes where its caller has chosen.
inline async::pooled_call& make_learned_transaction(site const& site,
                                                    std::span<encoded_command* const> commands, bool watches,
                                                    value_kind const& value) {
    if (!site.wrong && !site.options.lease) {
        unlearned_names names{site};
        for (encoded_command const* const command : commands)
            if (command->by_words() && !command->refusal()) names.add(command->bytes());
        if (!names.empty()) {
            async::pooled_call& call = value.obtain(*site.owner);
            prepare(call, site, cluster::command_flags::none);
            if (!async::try_alloc([&] {
                    call.group = std::make_unique<learning_transaction>(
                        call, names.book(), site, names.take(), commands, watches, value);
                }))
                return refuse(call, value, error{errc::no_memory, delivery::not_sent});
            call.launch = async::launch_kind::group;
            return call;
        }
    }
    return site.prefix.empty() ? make_transaction(site, commands, watches, value)
                               : make_transaction_prefixed(site, commands, watches, value);
}

}  // namespace umbel::calling
