// docs.hpp: reads the answer of COMMAND DOCS: a command's summary, and its arguments in one line. It sends
// nothing. Rule: Redis documentation, "COMMAND DOCS".
#pragma once

#include <umbel/resp/view.hpp>

#include <string>
#include <string_view>

namespace cli {

struct command_docs {
    std::string arguments;  ///< "key value [NX | XX] [GET] …"
    std::string summary;
    std::string since;
    std::string complexity;
};

/// The value under a name in a map, or in the flat array that RESP2 sends in its place; null view: none.
class fields {
public:
    explicit fields(umbel::resp::view map) noexcept : map_{map} {}

    template <class Read>
    void read(std::string_view name, Read read_value) const {
        if (!map_.is_aggregate() || map_.children_count() % 2 != 0) return;
        for (auto const [key, value] : map_.pairs())
            if (key.text() == name) return read_value(value);
    }
    std::string text(std::string_view name) const {
        std::string found;
        read(name, [&](umbel::resp::view value) { found = value.text(); });
        return found;
    }
    bool has_flag(std::string_view flag) const {
        bool found = false;
        read("flags", [&](umbel::resp::view flags) {
            for (umbel::resp::view const each : flags.children()) found = found || each.text() == flag;
        });
        return found;
    }

private:
    umbel::resp::view map_;
};

inline std::string joined_arguments(umbel::resp::view arguments, std::string_view between);

/// One argument without its brackets: its token, and its name or the arguments inside it.
inline std::string bare_argument(fields const& argument) {
    std::string const type = argument.text("type");
    std::string const token = argument.text("token");
    std::string value;
    if (type == "oneof" || type == "block") {
        argument.read("arguments", [&](umbel::resp::view inside) {
            value = joined_arguments(inside, type == "oneof" ? " | " : " ");
        });
    } else if (type != "pure-token") {
        value = argument.text("display_text");
        if (value.empty()) value = argument.text("name");
    }
    if (argument.has_flag("multiple")) {
        std::string const again = argument.has_flag("multiple_token") ? token + ' ' + value : value;
        value.append(" [").append(again).append(" …]");
    }
    return token.empty() || value.empty() ? token + value : token + ' ' + value;
}

inline std::string one_argument(umbel::resp::view each) {
    fields const argument{each};
    std::string const text = bare_argument(argument);
    if (argument.has_flag("optional")) return '[' + text + ']';
    return argument.text("type") == "oneof" && argument.text("token").empty() ? '<' + text + '>' : text;
}

inline std::string joined_arguments(umbel::resp::view arguments, std::string_view between) {
    std::string out;
    if (!arguments.is_aggregate()) return out;
    for (umbel::resp::view const each : arguments.children())
        out.append(out.empty() ? std::string_view{} : between).append(one_argument(each));
    return out;
}

/// What the answer of COMMAND DOCS for one command says; empty texts where it says nothing.
inline command_docs docs_in(umbel::resp::view answer) {
    command_docs told;
    if (!answer.is_aggregate() || answer.children_count() != 2) return told;
    fields const docs{answer.child(1)};
    docs.read("arguments", [&](umbel::resp::view all) { told.arguments = joined_arguments(all, " "); });
    told.summary = docs.text("summary");
    told.since = docs.text("since");
    told.complexity = docs.text("complexity");
    return told;
}

}  // namespace cli
