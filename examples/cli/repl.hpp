// repl.hpp: reads commands line by line and shows their replies, at a terminal or from a pipe.
#pragma once

#include "ask.hpp"
#include "commands.hpp"
#include "docs.hpp"
#include "line_editor.hpp"
#include "session.hpp"
#include "settings.hpp"
#include "show.hpp"
#include "words.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cli {

/// Where replies and errors go, and how they look.
struct screen {
    bool raw = false;
    palette const& out;
    palette const& errors;
};

/// Sends one command and shows what came. True when it succeeded. Errors of a command that stands alone go to
/// the standard error; at a terminal they stand among the replies.
class console {
public:
    console(session& at, screen look) noexcept : session_{at}, look_{look} {}

    bool send(std::vector<std::string> const& words) {
        answer const told = session_.run(ask(session_.client(), words));
        if (!look_.raw) put(trail_lines(told.trail, session_.last_redirect(), look_.out));
        cancelled_ = !told.reply && told.reply.error() == umbel::errc::cancelled;
        if (!told.reply) {
            put_error(told.reply.error());
            return false;
        }
        put((look_.raw ? raw(told.reply->root()) : shown(told.reply->root(), look_.out)) + '\n');
        if (!look_.raw && told.took > std::chrono::milliseconds{500}) put_time(told.took);
        return !told.reply->is_error();
    }

    /// True when Ctrl-C has ended the last command.
    bool cancelled() const noexcept { return cancelled_; }

private:
    static void put(std::string const& text) {
        std::fwrite(text.data(), 1, text.size(), stdout);
        std::fflush(stdout);
    }
    void put_error(umbel::error const& why) const {
        std::string line = error_line(why);
        if (!look_.raw) line = "(error) " + line;
        line = std::string{look_.errors.error}.append(line).append(look_.errors.reset).append("\n");
        std::fwrite(line.data(), 1, line.size(), look_.raw ? stderr : stdout);
    }
    void put_time(std::chrono::nanoseconds took) const {
        char text[32];
        std::snprintf(text, sizeof text, "(%.2f s)", static_cast<double>(took.count()) / 1e9);
        put(std::string{look_.out.dim}.append(text).append(look_.out.reset).append("\n"));
    }

    session& session_;
    screen look_;
    bool cancelled_ = false;
};

/// What the server knows of its commands, asked once for each, at the moment when somebody types its name.
class library {
public:
    explicit library(session& at) noexcept : session_{at} {}

    command_docs const& of(command_traits const& row) {
        auto const [at, fresh] = known_.try_emplace(row.name);
        if (fresh) at->second = session_.run(fetch(session_.client(), std::string{row.name}));
        return at->second;
    }

private:
    /// Nobody waits long for a hint; a server that has no COMMAND DOCS (before 7.0) or forbids it gives none.
    static asio::awaitable<command_docs> fetch(umbel::client& db, std::string name) {
        std::vector<std::string> const words{"COMMAND", "DOCS", name};
        auto told = co_await db.with(std::chrono::milliseconds{300}).execute(words);
        command_docs docs = told ? docs_in(told->root()) : command_docs{};
        // A server may say anything; nothing of it steers the terminal.
        for (std::string* const text : {&docs.arguments, &docs.summary, &docs.since, &docs.complexity})
            *text = lines_of(*text);
        co_return docs;
    }

    session& session_;
    std::map<std::string_view, command_docs> known_;
};

/// The arguments of a command, as the server or else the table tells them.
inline std::string arguments_of(library& docs, command_traits const& row) {
    std::string const& told = row.is_container() ? std::string{} : docs.of(row).arguments;
    return told.empty() ? shape_of(row) : told;
}

inline std::string spaced(std::string const& text) { return text.empty() ? text : ' ' + text; }

/// What `help COMMAND` prints.
inline std::string help_for(library& docs, command_traits const& row, palette const& colours) {
    std::string out{colours.name};
    out.append(title_of(row)).append(colours.reset).append(spaced(arguments_of(docs, row))).append("\n");
    command_docs const& told = docs.of(row);
    if (!told.summary.empty()) out.append("  ").append(told.summary).append("\n");
    if (!told.since.empty())
        out.append("  since ").append(told.since).append("; ").append(told.complexity).append("\n");
    if (!row.is_container()) return out.append(rules_of(row)).append("\n");
    for (command_traits const& each : umbel::command::all_commands())
        if (begins_with(each.name, std::string{row.name} + '|'))
            out.append("  ").append(title_of(each)).append(spaced(shape_of(each))).append("\n");
    return out;
}

inline constexpr std::string_view help_of_help =
    "help COMMAND    what a command does and how a client must treat it\n"
    "exit, quit      leave, as Ctrl-D does\n"
    "clear           empty the screen\n"
    "Tab completes names of commands; Ctrl-R searches what was typed before; Ctrl-C gives up a line, or\n"
    "cancels the command that runs.\n";

/// The words of a line that is not finished, the one under the cursor last.
inline std::vector<std::string> words_so_far(std::string_view text) {
    std::vector<std::string> words = split_words(text).value_or(std::vector<std::string>{});
    if (text.empty() || text.back() == ' ') words.emplace_back();
    return words;
}

/// What is left of the arguments when so many have been typed: plain ones are taken from the front, those in
/// brackets stay.
inline std::string_view rest_of_arguments(std::string_view arguments, std::size_t typed) {
    for (; typed != 0 && !arguments.empty() && arguments[0] != '[' && arguments[0] != '<'; --typed) {
        std::size_t const end = arguments.find(' ');
        if (end == arguments.npos) return {};
        arguments.remove_prefix(end + 1);
    }
    return arguments;
}

inline std::string hint_for(library& docs, std::string_view text) {
    std::vector<std::string> const words = words_so_far(text);
    bool const between_words = text.ends_with(' ');
    command_traits const* const row = row_of(words);
    std::size_t const begun = words.size() - (between_words ? 1 : 0);
    if (row == nullptr || begun < name_words(*row)) return {};
    std::string const arguments = arguments_of(docs, *row);
    std::string_view const rest = rest_of_arguments(arguments, begun - name_words(*row));
    return rest.empty() ? std::string{} : (between_words ? "" : " ") + std::string{rest};
}

/// A line that tells a password is kept in no file.
inline bool holds_secret(std::string_view line) {
    std::string const text = lower(line);
    for (std::string_view const word :
         {"auth", "setuser", "requirepass", "masterauth", "primaryauth", "masteruser"})
        if (text.find(word) != text.npos) return true;
    return false;
}

inline std::string history_file() {
    if (char const* const chosen = std::getenv("UMBELCLI_HISTFILE")) return chosen;
    char const* const home = std::getenv("HOME");
    return home == nullptr ? std::string{} : std::string{home} + "/.umbelcli_history";
}

/// The loop at a terminal.
class repl {
public:
    repl(session& at, screen look, std::string prompt)
        : console_{at, look},
          docs_{at},
          look_{look},
          prompt_{std::move(prompt)},
          editor_{history_file(), helper(), look.out} {}

    void run() {
        std::string line;
        for (;;) {
            switch (editor_.read(prompt_ + "> ", line)) {
                case line_editor::outcome::line: break;
                case line_editor::outcome::interrupted:
                    if (editor_.gave_up_text()) continue;
                    return;
                case line_editor::outcome::ended: std::puts(""); return;
            }
            if (!obey(line)) return;
        }
    }

private:
    line_helper helper() {
        return {.completions = [](std::string_view text) { return completions(words_so_far(text)); },
                .hint = [this](std::string_view text) { return hint_for(docs_, text); },
                .secret = [](std::string_view text) { return holds_secret(text); }};
    }

    /// False when the line says to leave.
    bool obey(std::string_view line) {
        auto const words = split_words(line);
        if (!words) {
            std::puts("Invalid argument(s): a quote is not closed, or a letter follows it");
            return true;
        }
        if (words->empty()) return true;
        std::string const name = lower(words->front());
        if (name == "exit" || name == "quit") return false;
        if (name == "help" || name == "?") {
            help({words->begin() + 1, words->end()});
        } else if (name == "clear") {
            std::fputs("\x1b[H\x1b[2J", stdout);
        } else {
            console_.send(*words);
        }
        return true;
    }

    void help(std::vector<std::string> const& words) {
        command_traits const* const row = row_of(words);
        std::string text{help_of_help};
        if (row != nullptr)
            text = help_for(docs_, *row, look_.out);
        else if (!words.empty())
            text = "The table has no command " + quoted(words.front()) + "\n";
        std::fputs(text.c_str(), stdout);
    }

    console console_;
    library docs_;
    screen look_;
    std::string prompt_;
    line_editor editor_;
};

/// The loop over lines from a pipe, until Ctrl-C. True when every command succeeded.
inline bool run_lines(console& to) {
    bool good = true;
    for (std::string line; !to.cancelled() && std::getline(std::cin, line);) {
        auto const words = split_words(line);
        if (!words) std::cerr << "Invalid argument(s): " << line << '\n';
        if (!words || (!words->empty() && !to.send(*words))) good = false;
    }
    return good;
}

}  // namespace cli
