// line_editor.hpp: reads lines from a terminal with libedit: history in a file, completion by Tab, a hint
// behind the cursor while somebody types. It knows neither commands nor servers.
#pragma once

#include "palette.hpp"
#include "show.hpp"

#include <histedit.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cwchar>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cli {

/// What the editor asks of its owner. All get the text in front of the cursor.
struct line_helper {
    /// The words that may stand in place of the last word.
    std::function<std::vector<std::string>(std::string_view)> completions;
    /// What may follow; shown in grey.
    std::function<std::string(std::string_view)> hint;
    /// True for a line that holds a secret and goes into no history.
    std::function<bool(std::string_view)> secret;
};

/// One terminal. Threading: one thread, which blocks in read().
class line_editor {
public:
    enum class outcome { line, interrupted, ended };
    static constexpr int history_lines_max = 1000;

    line_editor(std::string history_file, line_helper helper, palette const& colours)
        : file_{std::move(history_file)}, helper_{std::move(helper)}, colours_{colours} {
        ::history(history_, &event_, H_SETSIZE, history_lines_max);
        ::history(history_, &event_, H_SETUNIQUE, 1);
        if (!file_.empty()) ::history(history_, &event_, H_LOAD, file_.c_str());
        el_set(editor_, EL_CLIENTDATA, this);
        el_set(editor_, EL_PROMPT_ESC, &line_editor::prompt_of, '\1');
        el_set(editor_, EL_EDITOR, "emacs");
        el_set(editor_, EL_HIST, ::history, history_);
        el_set(editor_, EL_GETCFN, &line_editor::read_character);
        // el_set() would leak these names.
        el_wset(editor_, EL_ADDFN, L"complete-word", L"completes a word", &line_editor::complete);
        el_wset(editor_, EL_ADDFN, L"give-up-line", L"gives up the line", &line_editor::give_up);
        el_wset(editor_, EL_ADDFN, L"suspend", L"stops the program", &line_editor::suspend);
        // Ctrl-C comes as a letter while a line is edited, and as a signal while a command runs.
        el_set(editor_, EL_SETTY, "-d", "-isig", nullptr);
        el_set(editor_, EL_BIND, "^C", "give-up-line", nullptr);
        el_set(editor_, EL_BIND, "^Z", "suspend", nullptr);
        el_set(editor_, EL_BIND, "^I", "complete-word", nullptr);
        el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
        el_source(editor_, nullptr);
    }
    line_editor(line_editor const&) = delete;
    ~line_editor() {
        el_end(editor_);
        history_end(history_);
    }

    /// Reads one line into `line`, without its end. Outcomes: a line; Ctrl-C; or the end of the input.
    outcome read(std::string prompt, std::string& line) {
        prompt_ = std::move(prompt);
        shown_prompt_ =
            colours_.name.empty() ? prompt_ : wrapped(colours_.name) + prompt_ + wrapped(colours_.reset);
        interrupted_ = false;
        el_resize(editor_);
        // The prompt is written before libedit takes the terminal; what is typed in between would show twice.
        el_set(editor_, EL_PREP_TERM, 1);
        int count = 0;
        char const* const text = el_gets(editor_, &count);
        if (interrupted_) return outcome::interrupted;
        if (text == nullptr || count <= 0) return outcome::ended;
        line.assign(text, static_cast<std::size_t>(count));
        while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
        remember(line);
        return outcome::line;
    }

    /// True when the last line was interrupted after something had been typed.
    bool gave_up_text() const noexcept { return gave_up_text_; }

private:
    static line_editor& of(EditLine* editor) noexcept {
        void* self = nullptr;
        el_get(editor, EL_CLIENTDATA, &self);
        return *static_cast<line_editor*>(self);
    }
    static char* prompt_of(EditLine* editor) { return of(editor).shown_prompt_.data(); }
    /// Tells libedit that these bytes take no column.
    static std::string wrapped(std::string_view escape) { return '\1' + std::string{escape} + '\1'; }

    static std::string_view before_cursor(EditLine* editor) noexcept {
        LineInfo const* const line = el_line(editor);
        return {line->buffer, static_cast<std::size_t>(line->cursor - line->buffer)};
    }
    static bool at_end(EditLine* editor) noexcept {
        LineInfo const* const line = el_line(editor);
        return line->cursor == line->lastchar;
    }

    void remember(std::string const& line) {
        bool const blank = line.find_first_not_of(" \t") == line.npos;
        if (blank || helper_.secret(line)) return;
        ::history(history_, &event_, H_ENTER, line.c_str());
        if (!file_.empty()) ::history(history_, &event_, H_SAVE, file_.c_str());
    }

    static unsigned char suspend(EditLine* editor, int) {
        el_set(editor, EL_PREP_TERM, 0);
        std::raise(SIGTSTP);
        el_set(editor, EL_PREP_TERM, 1);
        return CC_REDISPLAY;
    }

    static unsigned char give_up(EditLine* editor, int) {
        of(editor).interrupted_ = true;
        of(editor).gave_up_text_ = !before_cursor(editor).empty() || !at_end(editor);
        std::fputs("^C\r\n", stdout);
        std::fflush(stdout);
        return CC_EOF;
    }

    // ---- Completion -----------------------------------------------------------------------------

    static unsigned char complete(EditLine* editor, int) {
        std::string const text{before_cursor(editor)};
        std::vector<std::string> const found = of(editor).helper_.completions(text);
        if (found.empty()) return CC_ERROR;
        std::size_t const word = text.size() - (text.find_last_of(' ') + 1);
        std::string longest = common_beginning(found);
        if (found.size() == 1) longest.push_back(' ');
        if (longest.size() <= word) return of(editor).list(found);
        el_deletestr(editor, static_cast<int>(word));
        return el_insertstr(editor, longest.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
    }

    /// The longest beginning that all words have. Precondition: there is at least one.
    static std::string common_beginning(std::vector<std::string> const& words) {
        std::string common = words.front();
        for (std::string const& word : words) {
            auto const end = std::mismatch(common.begin(), common.end(), word.begin(), word.end()).first;
            common.erase(end, common.end());
        }
        return common;
    }

    /// Writes the words below the line, in columns.
    unsigned char list(std::vector<std::string> const& words) const {
        std::size_t width = 0;
        for (std::string const& word : words) width = std::max(width, word.size() + 2);
        std::size_t const across = std::max<std::size_t>(terminal_columns() / width, 1);
        std::string out;
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (i % across == 0) out.append("\r\n");
            out.append(words[i]).append(width - words[i].size(), ' ');
        }
        out.append("\r\n");
        std::fwrite(out.data(), 1, out.size(), stdout);
        std::fflush(stdout);
        return CC_REDISPLAY;
    }

    // ---- Reading and hints ----------------------------------------------------------------------

    /// libedit asks for the next character: while it waits, the hint stands behind the cursor.
    static int read_character(EditLine* editor, wchar_t* letter) {
        bool const hinted = of(editor).show_hint(editor);
        int const count = next_character(letter);
        if (hinted) put("\x1b[K");  // libedit takes what is behind its line for empty.
        return count;
    }

    static int next_character(wchar_t* letter) {
        std::mbstate_t state{};
        for (;;) {
            char byte = 0;
            ssize_t const count = ::read(STDIN_FILENO, &byte, 1);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return static_cast<int>(count);
            std::size_t const used = std::mbrtowc(letter, &byte, 1, &state);
            if (used == static_cast<std::size_t>(-2)) continue;  // The character has more bytes.
            if (used != static_cast<std::size_t>(-1)) return 1;
            state = {};  // No character of this locale: passed over.
        }
    }

    bool show_hint(EditLine* editor) {
        if (colours_.dim.empty() || !at_end(editor)) return false;
        std::string_view const text = before_cursor(editor);
        std::string hint = text.empty() ? std::string{} : helper_.hint(text);
        std::size_t const columns = terminal_columns();
        std::size_t const used = (columns_of(prompt_) + columns_of(text)) % columns;
        cut_to(hint, columns - used - 1);
        if (hint.empty()) return false;
        put("\x1b"
            "7" +
            std::string{colours_.dim} + hint + std::string{colours_.reset} +
            "\x1b"
            "8");
        return true;
    }

    /// Cuts a text of UTF-8 to so many columns.
    static void cut_to(std::string& text, std::size_t columns) {
        while (columns_of(text) > columns) text.pop_back();
        while (!text.empty() && shown_bytes(text.substr(last_character(text))) == 0) text.pop_back();
    }
    static std::size_t last_character(std::string const& text) noexcept {
        std::size_t at = text.size() - 1;
        while (at != 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
        return at;
    }

    static std::size_t terminal_columns() noexcept {
        winsize size{};
        bool const known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
        return known ? size.ws_col : 80;
    }
    static void put(std::string const& text) {
        std::fwrite(text.data(), 1, text.size(), stdout);
        std::fflush(stdout);
    }

    std::string file_;
    line_helper helper_;
    palette const& colours_;
    std::string prompt_;
    std::string shown_prompt_;
    bool interrupted_ = false;
    bool gave_up_text_ = false;
    HistEvent event_{};
    History* history_ = history_init();
    EditLine* editor_ = el_init("umbel-cli", stdin, stdout, stderr);
};

}  // namespace cli
