// script.hpp: scripts and libraries of functions that a client brings to the servers by itself. They are
// texts with what names them; running them is scripting.hpp's part.
#pragma once

#include <umbel/command/encode.hpp>
#include <umbel/command/sha1.hpp>

#include <concepts>
#include <span>
#include <string>
#include <string_view>

namespace umbel::command {

/// A script, with the SHA1 by which a server knows it. Made of a literal it costs nothing at run time:
///
///     inline constexpr umbel::script add{"return redis.call('INCRBY', KEYS[1], ARGV[1])"};
///     auto sum = co_await db.run<std::int64_t>(add, umbel::key("n"), 5);
///
/// Lifetime: borrows its text; text and script outlive every operation that runs it. So a script is a
/// constant, or lives as long as the client.
class script {
public:
    constexpr explicit script(std::string_view text) noexcept : text_{text}, sha1_{text} {}
    template <std::same_as<std::string> Gone>
    explicit script(Gone&&) = delete;  // It would borrow what is no more.

    constexpr std::string_view text() const noexcept { return text_; }
    /// 40 hexadecimal digits.
    constexpr std::string_view sha1() const noexcept { return sha1_.digits(); }

private:
    std::string_view text_;
    command::sha1 sha1_;
};

class library_function;

/// What becomes of a library of the same name that a node has, but without the function that was called.
enum class if_library_exists : bool {
    keep,     ///< It stays, since it may be a newer one; the caller is told that there is no such function.
    replace,  ///< FUNCTION LOAD REPLACE: this library takes its place, with all other functions of it.
};

/// A library of functions, as FUNCTION LOAD takes it: its text begins with "#!lua name=…". Since 7.0.0.
/// It goes to a node only where a function is missing that is called. While programs of two versions run,
/// `replace` lets the older one take a newer library away if it calls what the newer one has dropped.
/// Lifetime: as of a script.
class function_library {
public:
    constexpr explicit function_library(std::string_view text,
                                        if_library_exists existing = if_library_exists::keep) noexcept
        : text_{text}, existing_{existing} {}
    template <std::same_as<std::string> Gone>
    explicit function_library(Gone&&, if_library_exists = if_library_exists::keep) = delete;

    constexpr std::string_view text() const noexcept { return text_; }
    constexpr if_library_exists existing() const noexcept { return existing_; }
    /// One of its functions, to be run. Lifetime: borrows library and name.
    constexpr library_function function(std::string_view name) const& noexcept;
    library_function function(std::string_view name) const&& = delete;  // It would borrow what is no more.

private:
    std::string_view text_;
    if_library_exists existing_;
};

/// A function, and the library that has it.
class library_function {
public:
    constexpr library_function(function_library const& library, std::string_view name) noexcept
        : library_{&library}, name_{name} {}
    library_function(function_library const&& library, std::string_view name) = delete;

    constexpr function_library const& library() const noexcept { return *library_; }
    constexpr std::string_view name() const noexcept { return name_; }

private:
    function_library const* library_;
    std::string_view name_;
};

constexpr library_function function_library::function(std::string_view name) const& noexcept {
    return {*this, name};
}

/// What a command names that a node may lack: a script by its SHA1, or a function of a library; one of the
/// two.
struct loadable {
    command::script const* script = nullptr;
    function_library const* library = nullptr;

    constexpr explicit operator bool() const noexcept { return script || library; }
    /// Of the script or the library.
    constexpr std::string_view text() const noexcept {
        return script ? script->text() : library ? library->text() : std::string_view{};
    }
};

/// A command that names what a node may lack. Lifetime: borrows like an invocation; script and library live
/// until the command has completed.
template <class Reply>
struct loaded_invocation {
    using reply_type = Reply;
    command_spec const& name;
    std::span<argument const> words;
    command::refusal refusal;
    loadable named;
};

/// `Self` can bring what a node lacks. Others, as umbel::cmd, send scripts as text.
template <class Self, class Reply>
concept loads_scripts =
    requires(Self const& self, loaded_invocation<Reply> const& command) { self.submit(command); };

}  // namespace umbel::command

namespace umbel {
using command::function_library;
using command::if_library_exists;
using command::library_function;
using command::script;
}  // namespace umbel
