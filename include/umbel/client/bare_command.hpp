// bare_command.hpp: a command that is encoded and belongs to no client yet: what umbel::cmd gives, and what
// batches and transactions are made from. It knows no client and sends nothing.
#pragma once

#include <umbel/client/make_operation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::calling {

/// One encoded command, whatever its reply is: its bytes, its slot, its flags, and why it must not be sent.
///
/// A command given by its words is encoded, too, but only a client knows the command table. So its slot and
/// its flags count once check() has passed.
/// Lifetime: owns its bytes; lends what umbel::borrow has lent to it. Cost: no allocation up to inside_bytes.
class encoded_command {
public:
    static constexpr std::size_t inside_bytes = async::pooled_call::inline_bytes;

    encoded_command(command::command_spec const& name, std::string_view key) noexcept {
        if (cluster::is_plain_key(key)) [[likely]] {
            size_ = static_cast<std::uint32_t>(command::put_plain_key_command(inside_, name, key) - inside_);
            slot_ = cluster::slot_of_plain(key);
            longest_ = key.size();
        } else if (key.size() > command::short_key_max) [[unlikely]] {
            command::argument const word{umbel::key{key}};
            encode(name, {&word, 1});
        } else {
            size_ = static_cast<std::uint32_t>(command::put_key_command(inside_, name, key) - inside_);
            slot_ = cluster::slot_of(key);
            longest_ = key.size();
        }
        flags_ = name.flags();
    }
    encoded_command(command::command_spec const& name, std::span<command::argument const> words,
                    cluster::command_flags flags, command::refusal refusal) noexcept
        : refusal_{refusal}, flags_{flags} {
        if (!refusal_) encode(name, words);
    }
    /// A command given word by word. `marked_keys` is empty, or says of each word whether it is a key.
    encoded_command(std::span<std::string_view const> words, std::span<bool const> marked_keys) noexcept
        : by_words_{true}, marks_keys_{!marked_keys.empty()} {
        encode(words, marked_keys);
    }
    /// All words of a command, name and all, of which those that are keys get a prefix.
    encoded_command(std::span<command::argument const> words, command::key_prefix const& prefix,
                    cluster::command_flags flags) noexcept
        : flags_{flags | cluster::command_flags::prefixed} {
        command::measured need = command::measure(words);
        need.bytes += words.size() * prefix.size();
        need.longest += prefix.size();
        encode(need, [&](char* at, auto const& lend) {
            char* const to = resp::put_array_header(at, words.size());
            return command::encode_arguments(at, to, words, lend, prefix);
        });
    }
    /// What is_plain() was true of. Precondition: at most inside_bytes.
    encoded_command(std::string_view bytes, cluster::slot_target slot, cluster::command_flags flags,
                    std::size_t longest) noexcept
        : longest_{longest}, size_{static_cast<std::uint32_t>(bytes.size())}, slot_{slot}, flags_{flags} {
        UMBEL_ASSERT(bytes.size() <= inside_bytes);
        std::memcpy(inside_, bytes.data(), bytes.size());
    }
    encoded_command(encoded_command&& other) noexcept { take(other); }
    encoded_command& operator=(encoded_command&& other) noexcept {
        if (this == &other) return *this;
        release();
        take(other);
        return *this;
    }
    ~encoded_command() { release(); }

    /// The encoded command without its lent pieces. Lifetime: as long as this is neither moved nor destroyed.
    std::string_view bytes() const noexcept { return {block_ ? block_ : inside_, size_}; }
    /// Pieces that stand in the caller's memory; null if there are none.
    engine::borrowed_piece const* borrowed() const noexcept { return borrowed_; }
    cluster::slot_target slot() const noexcept { return slot_; }
    cluster::command_flags flags() const noexcept { return flags_; }
    /// What is wrong with the arguments, if anything.
    command::refusal refusal() const noexcept { return refusal_; }
    /// Units: the bytes of its longest argument.
    std::size_t longest() const noexcept { return longest_; }
    bool by_words() const noexcept { return by_words_; }
    /// How many words it has, name and all; none where it could not be encoded.
    std::uint32_t words() const noexcept {
        std::uint32_t count = 0;
        std::string_view const all = bytes();
        for (std::size_t at = 1; at < all.size() && all[at] != '\r'; ++at)
            count = count * 10 + static_cast<std::uint32_t>(all[at] - '0');
        return count;
    }
    /// Says that it is sent to a node that its caller has chosen, so that it need not concern others.
    void send_to_one_node() noexcept { for_one_node_ = true; }
    bool is_for_one_node() const noexcept { return for_one_node_; }
    /// True when its keys have got their prefix.
    bool has_prefix() const noexcept { return has(flags_, cluster::command_flags::prefixed); }
    /// The script or the library that a node may lack; neither, for nearly every command.
    command::loadable named() const noexcept { return named_; }
    void names(command::loadable named) noexcept {
        named_ = named;
        longest_ = std::max(longest_, named.text().size());
    }
    /// True when there is nothing of it but its bytes, which stand inside, and its keys.
    bool is_plain() const noexcept {
        return !slot_.is_any() && !refusal_ && !by_words_ && !block_ && !borrowed_ && !several_ && !named_;
    }
    /// True when the caller has marked the keys among the words.
    bool marks_keys() const noexcept { return marks_keys_; }
    /// What to say where the keys lie in several slots; empty if they do not.
    std::string_view several_slots() const noexcept {
        return several_ ? std::string_view{*several_} : std::string_view{};
    }

    /// For check(): what the command table knows of a command given by its words.
    void found(cluster::slot_target slot, cluster::command_flags flags) noexcept {
        slot_ = slot, flags_ = flags, by_words_ = false;
    }
    /// `why`: what a cluster answers it with; a stand-alone server serves it.
    void found_several(std::string message, errc why = errc::cross_slot) {
        several_ = std::make_unique<std::string>(std::move(message));
        several_code_ = why;
        slot_ = cluster::slot_target::several();
    }
    errc several_code() const noexcept { return several_code_; }

    /// Hands everything to a call, whose owner and options are set. Errors: throws std::bad_alloc; the
    /// command is as before then. Precondition: check() has passed.
    void move_into(async::pooled_call& call) {
        if (slot_.is_several()) [[unlikely]] {
            engine::retry_state* const retry = call.make_retry_state();
            if (!retry) throw_bad_alloc();
            retry->message.assign(several_slots());
            retry->reported = several_code_;
        }
        if (!block_) [[likely]] {
            std::memcpy(call.inline_space, inside_, size_);
            call.bytes = call.inline_space;
        } else {
            std::free(std::exchange(call.block, std::exchange(block_, nullptr)));
            call.block_capacity = capacity_;
            call.has_block = true;
            call.bytes = call.block;
        }
        call.size = size_;
        call.slot = slot_;
        call.flags = flags_;
        if (borrowed_) [[unlikely]]
            call.borrowed = std::exchange(borrowed_, nullptr);
    }

private:
    void encode(command::command_spec const& name, std::span<command::argument const> words) noexcept;
    void encode(std::span<std::string_view const> words, std::span<bool const> marked_keys) noexcept;
    template <class Write>
    void encode(command::measured const& need, Write&& write) noexcept;

    void refuse(char const* why, errc code) noexcept { refusal_ = {why, code}; }
    /// Room for the bytes; null, and refused, where there is none.
    char* reserve(std::size_t bytes_needed) noexcept {
        if (bytes_needed <= inside_bytes) return inside_;
        if (bytes_needed > 0xffffffffu) {
            refuse("the command is longer than 4 GiB", errc::bad_argument);
            return nullptr;
        }
        block_ = static_cast<char*>(std::malloc(bytes_needed));
        capacity_ = static_cast<std::uint32_t>(bytes_needed);
        if (!block_) refuse("no memory for the command", errc::no_memory);
        return block_;
    }
    void take(encoded_command& other) noexcept {
        block_ = std::exchange(other.block_, nullptr);
        borrowed_ = std::exchange(other.borrowed_, nullptr);
        several_ = std::move(other.several_);
        several_code_ = other.several_code_;
        refusal_ = other.refusal_;
        named_ = other.named_;
        longest_ = other.longest_;
        capacity_ = other.capacity_;
        size_ = other.size_;
        slot_ = other.slot_;
        flags_ = other.flags_;
        by_words_ = other.by_words_;
        marks_keys_ = other.marks_keys_;
        for_one_node_ = other.for_one_node_;
        if (!block_) std::memcpy(inside_, other.inside_, size_);
    }
    void release() noexcept {
        std::free(block_);
        delete[] borrowed_;
    }

    char* block_ = nullptr;  ///< Null: the bytes stand inside.
    engine::borrowed_piece* borrowed_ = nullptr;
    std::unique_ptr<std::string> several_;
    errc several_code_ = errc::cross_slot;
    command::refusal refusal_;
    command::loadable named_;
    std::size_t longest_ = 0;
    std::uint32_t capacity_ = 0;
    std::uint32_t size_ = 0;
    cluster::slot_target slot_;
    cluster::command_flags flags_{};
    bool by_words_ = false;
    bool marks_keys_ = false;
    bool for_one_node_ = false;
    char inside_[inside_bytes];
};

UMBEL_NEVER_INLINE inline void encoded_command::encode(command::command_spec const& name,
                                                       std::span<command::argument const> words) noexcept {
    encode(command::measure(words),
           [&](char* at, auto const& lend) { return command::encode(at, name, words, lend); });
}

/// `write(at, lend)` encodes into what `need` says.
template <class Write>
void encoded_command::encode(command::measured const& need, Write&& write) noexcept {
    char* const at = reserve(need.bytes);
    if (!at) return;
    longest_ = need.longest;
    if (need.lent != 0) {
        borrowed_ = new (std::nothrow) engine::borrowed_piece[need.lent]{};
        if (!borrowed_) return refuse("no memory for the command", errc::no_memory);
    }
    command::encoded const made = write(at, [this](std::size_t offset, std::string_view bytes) {
        std::uint32_t const count = borrowed_->count;
        borrowed_[count] = {static_cast<std::uint32_t>(offset), count, bytes.data(), bytes.size()};
        borrowed_->count = count + 1;
    });
    size_ = static_cast<std::uint32_t>(made.end - at);
    slot_ = made.slot;
    if (!slot_.is_several()) return;
    UMBEL_TRY { found_several(command::cross_slot_message(made.first_key, made.other_key)); }
    UMBEL_CATCH(...) {
        refuse("no memory for the command", errc::no_memory);
    }
}

UMBEL_NEVER_INLINE inline void encoded_command::encode(std::span<std::string_view const> words,
                                                       std::span<bool const> marked_keys) noexcept {
    std::size_t total = resp::header_size(words.size()) + 16;
    for (std::string_view const word : words) {
        total += resp::bulk_size(word.size());
        longest_ = std::max(longest_, word.size());
    }
    char* const at = reserve(total);
    if (!at) return;
    char* to = resp::put_array_header(at, words.size());
    std::string_view first;
    for (std::size_t i = 0; i < words.size(); ++i) {
        to = resp::put_bulk(to, words[i]);
        if (!marks_keys_ || !marked_keys[i]) continue;
        if (slot_.is_any()) first = words[i];
        if (!slot_.add(cluster::slot_of(words[i]))) continue;
        UMBEL_TRY { found_several(command::cross_slot_message(first, words[i])); }
        UMBEL_CATCH(...) {
            return refuse("no memory for the command", errc::no_memory);
        }
    }
    size_ = static_cast<std::uint32_t>(to - at);
}

/// Checks a command that a client is to send, and finds its keys where it was given by its words.
/// Errors: bad_argument, needs_lease, no_memory; never sent.
inline result<void> check(site const& site, encoded_command& command) {
    if (!command.refusal() && !command.by_words() && command.longest() <= site.argument_bytes_max &&
        !command.slot().is_any() && site.prefix.empty()) [[likely]]
        return {};
    return site.code->check_bare(command, site);
}

}  // namespace umbel::calling

namespace umbel {

/// A command with the type of its reply, for a batch or a transaction: what umbel::cmd gives.
///
/// It is encoded when it is made, so no argument needs to live any longer, but for those of umbel::borrow.
/// Whatever is wrong with it is the error of this command alone, when it is to be sent.
template <class Value>
class [[nodiscard]] bare_command : public calling::encoded_command {
public:
    using value_type = Value;
    using calling::encoded_command::encoded_command;
};

}  // namespace umbel
