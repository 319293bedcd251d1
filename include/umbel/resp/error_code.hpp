// error_code.hpp: the first word of an error line is its code: what each is called here. It does not know
// what a code proves or asks for (cluster/error_reply.hpp does).
#pragma once

#include <umbel/error.hpp>

#include <array>
#include <string_view>

namespace umbel::resp {

/// The first word of an error line, in upper case as servers send it, and its name.
struct error_word {
    std::string_view word;
    errc code;
};

/// Every code that the library has a name for. Rule: RESP specification, "Simple errors".
inline constexpr std::array error_words{
    error_word{"MOVED", errc::moved},
    error_word{"ASK", errc::ask},
    error_word{"TRYAGAIN", errc::try_again},
    error_word{"CLUSTERDOWN", errc::cluster_down},
    error_word{"CROSSSLOT", errc::cross_slot_reply},
    error_word{"LOADING", errc::loading},
    error_word{"NOAUTH", errc::no_auth},
    error_word{"BUSY", errc::busy_script},
    error_word{"NOSCRIPT", errc::no_script},
    error_word{"EXECABORT", errc::exec_aborted},
    error_word{"WRONGPASS", errc::wrong_password},
    error_word{"NOPROTO", errc::no_protocol},
    error_word{"MASTERDOWN", errc::master_down},
    error_word{"READONLY", errc::read_only},
    error_word{"OOM", errc::out_of_memory},
    error_word{"MISCONF", errc::misconfigured},
    error_word{"NOREPLICAS", errc::no_replicas},
    error_word{"NOPERM", errc::no_permission},
    error_word{"WRONGTYPE", errc::wrong_type},
};

/// True when `word` is the line's first word.
constexpr bool starts_with_word(std::string_view line, std::string_view word) noexcept {
    return line.starts_with(word) && (line.size() == word.size() || line[word.size()] == ' ');
}
/// The code of an error line; server_error where its first word has no name.
constexpr errc code_of(std::string_view line) noexcept {
    for (error_word const& known : error_words)
        if (starts_with_word(line, known.word)) return known.code;
    return errc::server_error;
}
/// The word of a code; empty where it has none.
constexpr std::string_view word_of(errc code) noexcept {
    for (error_word const& known : error_words)
        if (known.code == code) return known.word;
    return {};
}

}  // namespace umbel::resp
