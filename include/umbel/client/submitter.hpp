// submitter.hpp: how a typed command of any family becomes an operation of a client. It joins a command's
// reply type to an untyped call; which commands there are it does not know.
#pragma once

#include <umbel/client/make_operation.hpp>
#include <umbel/command/script.hpp>
#include <umbel/command/word_list.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace umbel::calling {

/// Submits a command by its words, of which some may be marked as keys.
template <decodable Value, class Self, std::size_t Count>
auto submit_words(Self const& self, command::argument const (&all)[Count]) {
    std::string_view words[Count];
    bool keys[Count];
    bool any_key = false;
    for (std::size_t i = 0; i < Count; ++i) {
        words[i] = all[i].text();
        keys[i] = all[i].is_key();
        any_key = any_key || keys[i];
    }
    return self.template submit<Value>(std::span<std::string_view const>{words},
                                       any_key ? std::span<bool const>{keys} : std::span<bool const>{});
}
/// An operation that fails with this.
template <decodable Value, class Self>
auto submit_refused(Self const& self, command::refusal why) {
    static constexpr command::command_spec unsent{"ECHO", cluster::command_flags::none};
    return self.submit(command::invocation<Value>{unsent, {}, cluster::command_flags::none, why});
}
/// submit_words() for words whose number is known at run time only.
template <decodable Value, class Self>
auto submit_words(Self const& self, command::word_list const& list) {
    if (list.refusal()) return submit_refused<Value>(self, list.refusal());
    std::vector<std::string_view> words;
    std::unique_ptr<bool[]> keys;
    UMBEL_TRY {
        words.reserve(list.size());
        keys = std::make_unique<bool[]>(list.size());
    }
    UMBEL_CATCH(std::bad_alloc const&) {
        return submit_refused<Value>(self, {"no memory for the arguments", errc::no_memory});
    }
    bool any_key = false;
    for (command::argument const& word : list.words()) {
        keys[words.size()] = word.is_key();
        any_key = any_key || word.is_key();
        words.push_back(word.text());
    }
    std::span<bool const> const marked{keys.get(), any_key ? list.size() : 0};
    return self.template submit<Value>(std::span<std::string_view const>{words}, marked);
}

/// Submits the commands of `Self`, which derives from this and has a site(). `Result<Value>` is what an
/// operation gives for a command whose reply is read as `Value`.
template <class Self, template <class> class Result = std::type_identity_t>
class submitter {
public:
    template <decodable Value>
    operation<Result<Value>> submit(command::invocation<Value> const& command) const {
        return calling::submit<Result<Value>>(
            site(),
            command::invocation<Result<Value>>{command.name, command.words, command.flags, command.refusal});
    }
    template <decodable Value>
    operation<Result<Value>> submit(command::key_invocation<Value> const& command) const {
        return calling::submit<Result<Value>>(
            site(), command::key_invocation<Result<Value>>{command.name, command.key});
    }
    template <decodable Value>
    operation<Result<Value>> submit(command::loaded_invocation<Value> const& command) const {
        using value = Result<Value>;
        return operation<value>{site().code->make_loaded(site(), command.name, command.words, command.refusal,
                                                         command.named, kind_of<value>)};
    }
    template <decodable Value>
    operation<Result<Value>> submit(command::blocking_invocation<Value> const& command) const {
        return calling::submit<Result<Value>>(
            site(), command::blocking_invocation<Result<Value>>{command.name, command.words, command.flags,
                                                                command.time, command.refusal});
    }
    template <decodable Value>
    operation<Result<Value>> submit(std::span<std::string_view const> words,
                                    std::span<bool const> marked_keys) const {
        return calling::submit_for_all<Result<Value>>(site(), words, marked_keys);
    }
    template <decodable Value>
    operation<Result<Value>> submit(command::server_invocation<Value> const& command) const {
        return calling::submit_for_all<Result<Value>>(
            site(),
            command::invocation<Result<Value>>{command.name, command.words, command.flags, command.refusal});
    }

private:
    calling::site const& site() const noexcept { return static_cast<Self const&>(*this).site(); }
};

}  // namespace umbel::calling
