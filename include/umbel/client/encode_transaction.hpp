// encode_transaction.hpp: how several encoded commands become one call that is a transaction: what stands
// behind encoding::make_transaction. It sends nothing.
#pragma once

#include <umbel/client/encode_call.hpp>
#include <umbel/client/evalsha_command.hpp>

#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace umbel::calling {

/// Joins commands to MULTI … EXEC in the memory of one call.
class transaction_encoder {
public:
    transaction_encoder(async::pooled_call& call, site const& site) noexcept : call_{call}, site_{site} {}

    /// Errors (as a value): bad_argument, needs_lease, no_memory. Errors: throws std::bad_alloc.
    result<void> encode(std::span<encoded_command* const> commands) {
        if (commands.empty())
            return fail(errc::bad_argument, delivery::not_sent, "a transaction needs at least one command");
        if (commands.size() > engine::transaction_replies::commands_max)
            return fail(errc::bad_argument, delivery::not_sent, "a transaction has more than 2^20 commands");
        std::size_t bytes = multi.size() + exec.size();
        std::size_t lent = 0;
        for (std::size_t nth = 0; nth < commands.size(); ++nth) {
            encoded_command& command = *commands[nth];
            if (result<void> const good = check(site_, command); !good)
                return tl::unexpected<error>{of_command(good.error(), nth)};
            join(command, nth == 0, commands.size() == 1);
            bytes += command.bytes().size();
            if (command.named().script) bytes += evalsha_of(command).new_front();
            for (auto const& piece : pieces_of(command))
                if (++lent > command::lent_pieces_max) bytes += piece.size;
        }
        if (bytes > 0xffffffffu)
            return fail(errc::bad_argument, delivery::not_sent, "the transaction is longer than 4 GiB");
        engine::retry_state* const retry = call_.make_retry_state();
        if (!retry) throw_bad_alloc();
        retry->transaction.hold(static_cast<std::uint32_t>(commands.size()));
        call_.form.transaction = 1;
        write(commands, bytes, std::min(lent, command::lent_pieces_max));
        find_slot(commands);
        return {};
    }

private:
    static constexpr std::string_view multi = "*1\r\n$5\r\nMULTI\r\n";
    static constexpr std::string_view exec = "*1\r\n$4\r\nEXEC\r\n";

    static std::span<engine::borrowed_piece const> pieces_of(encoded_command const& command) noexcept {
        engine::borrowed_piece const* const first = command.borrowed();
        return {first, first ? first->count : 0};
    }
    static evalsha_command evalsha_of(encoded_command const& command) noexcept {
        return {command.bytes(), command.flags(), *command.named().script};
    }
    static error of_command(error const& why, std::size_t nth) {
        error_details details;
        details.message = "command " + std::to_string(nth + 1) + " of the transaction: ";
        details.message.append(why.message());
        return error{why.code(), why.delivery(), std::move(details)};
    }

    /// What the whole may do: it only reads if each command does, and proves as little as the least of them.
    /// Commands that may each be repeated may not be repeated in a row: GET and SET of one key would tell the
    /// second time what the first has set.
    void join(encoded_command const& command, bool first, bool alone) noexcept {
        using enum cluster::command_flags;
        auto const with = [&](cluster::command_flags flag, bool yes) {
            if (yes) call_.flags = call_.flags | flag;
        };
        cluster::command_flags const before = std::exchange(call_.flags, none);
        with(read_only, has(command.flags(), read_only) && (first || has(before, read_only)));
        with(idempotent, alone && has(command.flags(), idempotent));
        with(scripted, has(before, scripted) || has(command.flags(), scripted));
        with(foreign, has(before, foreign) || has(command.flags(), foreign));
    }

    /// Only so many pieces may be lent to one write; what goes beyond is copied.
    void write(std::span<encoded_command* const> commands, std::size_t bytes, std::size_t lent) {
        char* const at = call_.reserve(bytes);
        engine::borrowed_piece* pieces = nullptr;
        if (lent != 0) call_.borrowed = pieces = new engine::borrowed_piece[lent]{};
        char* to = put(at, multi);
        std::uint32_t kept = 0;
        for (encoded_command const* const command : commands) {
            std::string_view const own = command->bytes();
            std::size_t done = 0;
            // NOSCRIPT would come too late, inside EXEC: scripts go by their text.
            if (command->named().script) {
                evalsha_command const script = evalsha_of(*command);
                to = script.put_front(to);
                done = script.old_front();
            }
            for (engine::borrowed_piece const& piece : pieces_of(*command)) {
                to = put(to, own.substr(done, piece.at - done));
                done = piece.at;
                if (kept == lent) {
                    to = put(to, {piece.data, piece.size});
                    continue;
                }
                pieces[kept] = {static_cast<std::uint32_t>(to - at), 0, piece.data, piece.size};
                ++kept;
            }
            to = put(to, own.substr(done));
        }
        if (pieces) pieces->count = kept;
        to = put(to, exec);
        call_.bytes = at;
        call_.size = static_cast<std::uint32_t>(to - at);
    }
    static char* put(char* to, std::string_view text) noexcept {
        std::memcpy(to, text.data(), text.size());
        return to + text.size();
    }

    /// The slot of all keys. Where they are several, only a stand-alone server may serve it.
    void find_slot(std::span<encoded_command* const> commands) {
        call_.slot = cluster::slot_target::any();
        encoded_command const* first = nullptr;
        for (encoded_command const* const command : commands) {
            if (command->slot().is_any()) continue;
            if (command->slot().is_several())
                return mark_undivided(call_, command->several_code(), std::string{command->several_slots()});
            if (!first) first = command;
            if (call_.slot.add(command->slot().slot()))
                return mark_several_slots(call_,
                                          command::cross_slot_message(a_key_of(*first), a_key_of(*command)));
        }
    }
    /// A key of a command that has one. Cost: reads the command anew, for an error.
    static std::string_view a_key_of(encoded_command const& command) {
        std::string_view const bytes = command.bytes();
        // Lent pieces stand elsewhere; what is left in front of them has nearly always the key.
        auto const pieces = pieces_of(command);
        std::string_view const whole = pieces.empty() ? bytes : bytes.substr(0, pieces.front().at);
        for (std::size_t at = whole.find('$'); at != std::string_view::npos; at = whole.find('$', at)) {
            std::size_t const line = whole.find("\r\n", at);
            if (line == std::string_view::npos) break;
            std::size_t length = 0;
            for (char const digit : whole.substr(at + 1, line - at - 1))
                length = length * 10 + static_cast<std::size_t>(digit - '0');
            std::string_view const word = whole.substr(line + 2, length);
            if (word.size() == length && cluster::slot_of(word) == command.slot().slot()) return word;
            at = line + 2 + length;
            if (at >= whole.size()) break;
        }
        return {};
    }

    async::pooled_call& call_;
    site const& site_;
};

/// Behind encoding::make_transaction.
inline async::pooled_call& make_transaction(site const& site, std::span<encoded_command* const> commands,
                                            bool watches, value_kind const& value) {
    async::pooled_call& call = value.obtain(*site.owner);
    prepare(call, site, cluster::command_flags::none);
    if (site.wrong) return refuse(call, value, error{*site.wrong});
    UMBEL_TRY {
        if (result<void> good = transaction_encoder{call, site}.encode(commands); !good)
            return refuse(call, value, std::move(good.error()));
        call.retry->transaction.watches(watches);
    }
    UMBEL_CATCH(...) {
        return refuse(call, value, error{errc::no_memory, delivery::not_sent});
    }
    if (site.options.lease) site.owner->code->put_on_lease(*site.options.lease, call);
    return call;
}

}  // namespace umbel::calling
