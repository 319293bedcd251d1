// transaction_replies_impl.hpp: reads the replies ahead of EXEC's, and tells what they said.
#pragma once

#include <umbel/cluster/redirect.hpp>
#include <umbel/engine/transaction_replies.hpp>
#include <umbel/error.hpp>
#include <umbel/resp/view.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace umbel::engine {

inline void transaction_replies::take(resp::view const& reply, cluster::command_flags flags) noexcept {
    std::uint32_t const place = commands_ + 2 - due_--;  // MULTI has 0, ASKING is before it.
    if (place > commands_) return;
    if (place == 0) {
        // Where MULTI is refused, the commands behind it have run one by one, unless they are refused
        // too.
        taken_ = !reply.is_error() && reply.text() == "OK";
        if (!taken_) refuse(place, reply.text());
    } else if (multi_refused()) {
        ran_ = std::max(
            ran_, reply.is_error() ? cluster::parse_error(reply.text(), flags).delivered : delivery::unknown);
    } else if (reply.is_error() && refused_ == nothing) {
        refuse(place, reply.text());
    }
}

inline std::string transaction_replies::explain(std::string_view line) const {
    std::string text{line};
    if (refused_ == nothing) return text;
    text += multi_refused() ? " (MULTI was refused: "
                            : " (command " + std::to_string(refused_) + " of the transaction: ";
    return text.append(refusal_).append(")");
}

}  // namespace umbel::engine
