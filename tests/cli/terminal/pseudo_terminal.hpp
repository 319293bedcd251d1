// pseudo_terminal.hpp: a program at a terminal, which a test types into and reads from; and a program at
// pipes. It knows nothing of what they run.
#pragma once

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::test {

/// One program at a terminal of its own, 100 columns wide. Killed when the test is through with it.
class pseudo_terminal {
public:
    static constexpr std::chrono::seconds patience{30};

    explicit pseudo_terminal(std::vector<std::string> const& words) {
        winsize size{.ws_row = 40, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
        child_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
        if (child_ < 0) throw std::runtime_error{"no pseudo-terminal"};
        if (child_ == 0) become(words);
    }
    pseudo_terminal(pseudo_terminal const&) = delete;
    ~pseudo_terminal() {
        ::close(terminal_);
        if (child_ <= 0) return;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }

    void type(std::string_view keys) {
        while (!keys.empty()) {
            ssize_t const count = ::write(terminal_, keys.data(), keys.size());
            if (count <= 0) throw std::runtime_error{"cannot type into the terminal"};
            keys.remove_prefix(static_cast<std::size_t>(count));
        }
    }

    /// Waits until `text` has come; gives all that has come since the last await(), escape sequences left
    /// out. Errors: throws when the program ends before, or nothing has come for too long.
    std::string await(std::string_view text) {
        for (;;) {
            std::string const so_far = without_escapes(unread_);
            if (auto const at = so_far.find(text); at != so_far.npos) {
                unread_.clear();
                return so_far;
            }
            if (!read_more())
                throw std::runtime_error{"\"" + std::string{text} + "\" has not come, but: " + so_far};
        }
    }
    /// The same, with escape sequences.
    std::string await_exactly(std::string_view bytes) {
        while (unread_.find(bytes) == unread_.npos)
            if (!read_more()) throw std::runtime_error{"these bytes have not come; but: " + unread_};
        return std::exchange(unread_, {});
    }

    /// Waits until the program ends; gives its exit status, or -1 when a signal has ended it.
    int exit_status() {
        while (read_more()) {
        }
        int status = 0;
        ::waitpid(child_, &status, 0);
        child_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    /// What has come and was not awaited.
    std::string rest() const { return without_escapes(unread_); }

private:
    [[noreturn]] static void become(std::vector<std::string> const& words) {
        ::setenv("TERM", "xterm", 1);
        ::setenv("LC_ALL", "C.UTF-8", 1);
        std::vector<char*> argv;
        for (std::string const& word : words) argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        ::execv(argv[0], argv.data());
        std::_Exit(127);
    }

    bool read_more() {
        pollfd waiting{.fd = terminal_, .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())) <= 0)
            return false;
        char bytes[4096];
        ssize_t const count = ::read(terminal_, bytes, sizeof bytes);  // EIO: the program has ended.
        if (count > 0) unread_.append(bytes, static_cast<std::size_t>(count));
        return count > 0;
    }

    /// Leaves out CSI sequences, ESC 7 and ESC 8, and carriage returns.
    static std::string without_escapes(std::string_view text) {
        std::string out;
        while (!text.empty()) {
            std::size_t used = 1;
            if (text.front() == '\x1b' && text.size() > 1 && text[1] == '[') {
                used = text.find_first_of("ABCDEFGHIJKLMPSTXZ@fhlmnrsu", 2);
                used = used == text.npos ? text.size() : used + 1;
            } else if (text.front() == '\x1b') {
                used = std::min<std::size_t>(2, text.size());
            } else if (text.front() != '\r') {
                out.push_back(text.front());
            }
            text.remove_prefix(used);
        }
        return out;
    }

    int terminal_ = -1;
    pid_t child_ = -1;
    std::string unread_;
};

struct program_end {
    std::string output;  ///< The standard error is not in it, unless the line says so.
    int status = -1;
};

/// Runs a line of the shell to its end.
inline program_end run_line(std::string const& line) {
    std::FILE* const pipe = ::popen(line.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error{"cannot run " + line};
    program_end ended;
    char bytes[4096];
    for (std::size_t count; (count = std::fread(bytes, 1, sizeof bytes, pipe)) != 0;)
        ended.output.append(bytes, count);
    int const status = ::pclose(pipe);
    ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ended;
}

}  // namespace umbel::test
