// script_values.hpp: the words of a scripted wire test: commands as bytes, writes as they are compared, calls
// and what became of them. It knows no engine and no time; script.hpp runs them.
#pragma once

#include <umbel/cluster/slot.hpp>
#include <umbel/engine/call.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::test {

/// The words of a text, split at blanks.
inline std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t const end = std::min(text.find(' ', at), text.size());
        if (end != at) words.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

inline std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string{text} + "\r\n";
}

/// The commands of a transaction.
inline std::vector<std::string> commands_of(std::string_view text) {
    std::vector<std::string> commands;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t const end = std::min(text.find(" ; ", at), text.size());
        commands.emplace_back(text.substr(at, end - at));
        at = end + 3;
    }
    return commands;
}

/// "GET foo" as it stands on the wire.
inline std::string wire(std::string_view command) {
    auto const words = words_of(command);
    std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
    for (auto const& word : words) bytes += bulk(word);
    return bytes;
}

/// True for the PING of a probe, whatever its token.
inline bool is_ping(std::string_view bytes) {
    std::string const token = "umbel-00000001";
    std::string const first = wire("PING " + token);
    std::size_t const same = first.size() - 10;
    return bytes.size() == first.size() && bytes.substr(0, same) == std::string_view{first}.substr(0, same);
}

/// "SET a 1 ; INCR b" as a transaction on the wire.
inline std::string wire_transaction(std::string_view text) {
    std::string bytes = wire("MULTI");
    for (auto const& command : commands_of(text)) bytes += wire(command);
    return bytes + wire("EXEC");
}

/// Everything that `one`, a pipeline or a link, has to write, as the kernel gets it that takes `at_most`
/// bytes.
template <class Writer>
std::string written_by(Writer& one, std::size_t at_most = SIZE_MAX) {
    std::string all;
    while (one.wants_write() && all.size() < at_most) {
        std::string turn;
        for (auto const& piece : one.gather()) turn.append(piece.data, piece.size);
        if (turn.empty()) break;
        turn.resize(std::min(turn.size(), at_most - all.size()));
        one.wrote(turn.size());
        all += turn;
    }
    return all;
}

/// One gathered write to one connection. A replica connection is named "10.0.0.4:6379/replica".
struct sent {
    std::string to;
    std::string bytes;
    unsigned connection = 0;  ///< Which of all connections to this node it was.

    sent() = default;
    template <class... Commands>
    sent(std::string_view node, Commands const&... commands)
        : to{node}, bytes{(std::string{} + ... + wire(commands))} {}

    friend bool operator==(sent const& left, sent const& right) {
        return left.to == right.to && left.bytes == right.bytes;
    }
    friend std::ostream& operator<<(std::ostream& out, sent const& one) {
        if (one.to.empty()) return out << "nothing";
        out << one.to << " <- \"";
        for (char const byte : one.bytes) {
            if (byte == '\r')
                out << "\\r";
            else if (byte == '\n')
                out << "\\n";
            else
                out << byte;
        }
        return out << '"';
    }
};
/// What next() tells when nothing was written.
inline sent const nothing{};

struct call_options {
    cluster::command_flags flags = cluster::command_flags::none;
    umbel::read_from reads = umbel::read_from::primary;
    engine::duration timeout{};
    std::string_view lent{};   ///< A borrowed argument, behind the words.
    std::uint8_t context = 0;  ///< Of the client's, where it has several.
    bool transaction = false;  ///< The commands, with " ; " between, go out as MULTI … EXEC.
    bool watches = false;      ///< EXEC may be given up for a watched key.
    bool blocks = false;       ///< It waits on the server, and so needs a lease.
};
inline constexpr call_options reading{.flags = cluster::command_flags::read_only};
inline constexpr call_options blocking{.blocks = true};
inline constexpr call_options idempotent{.flags = cluster::command_flags::idempotent};

/// A call with the memory for its bytes and its answer. Text replies are kept as text, numbers in decimal,
/// null as "(nil)", elements of an aggregate with a blank between.
struct scripted_call : engine::call {
    std::string command;
    std::string encoded;
    engine::borrowed_piece piece;
    std::optional<result<std::string>> answer;
    unsigned answers = 0;
    unsigned completions = 0;
    engine::cancel_token cancellation;

    scripted_call(std::string_view text, call_options const& options)
        : command{text}, encoded{options.transaction ? wire_transaction(text) : wire(text)} {
        static constexpr engine::call_kind of_scripts{
            .decode = &scripted_call::keep,
            .fail = &scripted_call::refuse,
            .complete = [](engine::call& started) { ++static_cast<scripted_call&>(started).completions; },
            .drop =
                [](engine::call& started) noexcept { ++static_cast<scripted_call&>(started).completions; }};
        kind = &of_scripts;
        auto const words = words_of(text);
        if (words.size() > 1) slot = cluster::slot_of(words[1]);
        if (options.transaction) {
            form.transaction = 1;
            make_retry_state()->transaction.hold(static_cast<std::uint32_t>(commands_of(text).size()));
            retry->transaction.watches(options.watches);
        }
        if (options.lent.data()) lend(words.size() + 1, options.lent);
        bytes = encoded.data();
        size = static_cast<std::uint32_t>(encoded.size());
        flags = options.flags;
        reads = options.reads;
        timeout = options.timeout;
        link.context = options.context;
        leased = options.blocks;
        form.blocks = options.blocks;
        cancellation.target = this;
        token = &cancellation;
    }

private:
    void lend(std::size_t count, std::string_view argument) {
        encoded.replace(0, encoded.find('\r'), "*" + std::to_string(count));
        encoded += "$" + std::to_string(argument.size()) + "\r\n";
        piece = {static_cast<std::uint32_t>(encoded.size()), 1, argument.data(), argument.size()};
        encoded += "\r\n";
        borrowed = &piece;
    }
    static void render(resp::view const& reply, std::string& out) {
        if (reply.kind() == resp::type::null) out += "(nil)";
        reply.append_to(out);
        for (resp::view const part : reply.children()) {
            if (!out.empty()) out += ' ';
            render(part, out);
        }
    }
    static void keep(engine::call& base, resp::view const& reply) noexcept {
        auto& one = static_cast<scripted_call&>(base);
        std::string text;
        render(reply, text);
        one.answer.emplace(std::move(text));
        ++one.answers;
    }
    static void refuse(engine::call& base, error&& why) noexcept {
        auto& one = static_cast<scripted_call&>(base);
        one.answer.emplace(umbel::fail(std::move(why)));
        ++one.answers;
    }
};

/// A handle to a call that a script has started.
class started {
public:
    explicit started(scripted_call& one) noexcept : call_{&one} {}
    bool done() const noexcept { return call_->completions != 0; }
    bool good() const { return done() && call_->answer->has_value(); }
    std::string value() const {
        return good() ? **call_->answer : done() ? call_->answer->error().to_string() : "(pending)";
    }
    error why() const {
        return done() && !good() ? call_->answer->error()
                                 : error{errc::server_error, delivery::unknown, "no error"};
    }
    errc code() const { return why().code(); }
    umbel::delivery delivered() const { return why().delivery(); }
    scripted_call& call() const noexcept { return *call_; }

private:
    scripted_call* call_;
};

/// The code of an error with what is known of its delivery, to compare in one line.
struct failed {
    errc code{};
    umbel::delivery delivered{};
    friend bool operator==(failed const&, failed const&) = default;
    friend std::ostream& operator<<(std::ostream& out, failed const& one) {
        return out << name_of(one.code) << " (" << name_of(one.delivered) << ")";
    }
};
inline failed outcome(started const& one) { return {one.code(), one.delivered()}; }

/// One entry of CLUSTER SLOTS: the first node is the primary; a node's id is "id-" and its address.
struct slots_row {
    unsigned first;
    unsigned last;
    std::vector<std::string> nodes;
};
inline std::string cluster_slots(std::vector<slots_row> const& rows) {
    std::string bytes = "*" + std::to_string(rows.size()) + "\r\n";
    for (auto const& [first, last, nodes] : rows) {
        bytes += "*" + std::to_string(2 + nodes.size()) + "\r\n:" + std::to_string(first) +
                 "\r\n:" + std::to_string(last) + "\r\n";
        for (auto const& node : nodes) {
            std::size_t const colon = node.rfind(':');
            bytes += "*3\r\n" + bulk(node.substr(0, colon)) + ":" + node.substr(colon + 1) + "\r\n" +
                     bulk("id-" + node);
        }
    }
    return bytes;
}

}  // namespace umbel::test
