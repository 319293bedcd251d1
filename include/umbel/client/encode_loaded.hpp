// encode_loaded.hpp: commands that name a script or a function, with what they do where a node lacks it: what
// stands behind encoding::make_loaded. It sends nothing.
#pragma once

#include <umbel/client/encode_prefixed.hpp>
#include <umbel/client/evalsha_command.hpp>
#include <umbel/command/scripting.hpp>
#include <umbel/engine/remedy.hpp>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace umbel::calling {

/// Gives a call a block of its own, in which its bytes stand. Precondition: `block` is from std::malloc.
inline void take_block(async::pooled_call& call, char* block, std::size_t capacity) noexcept {
    std::free(call.block);
    call.block = block;
    call.block_capacity = static_cast<std::uint32_t>(capacity);
    call.has_block = true;
}

/// Turns EVALSHA into EVAL. False where there is no memory for that.
inline bool evaluate_instead(engine::call& base, void const* subject, engine::call*&) noexcept {
    auto& call = static_cast<async::pooled_call&>(base);
    evalsha_command const old{
        {call.bytes, call.size}, call.flags, *static_cast<command::script const*>(subject)};
    std::size_t const rest = call.size - old.old_front();
    std::size_t const bytes = old.new_front() + rest;
    auto* const fresh = bytes > 0xffffffffu ? nullptr : static_cast<char*>(std::malloc(bytes));
    if (!fresh) return false;
    std::memcpy(old.put_front(fresh), call.bytes + old.old_front(), rest);
    if (auto* const pieces = const_cast<engine::borrowed_piece*>(call.borrowed))
        for (std::uint32_t i = 0; i < call.borrowed->count; ++i)
            pieces[i].at = static_cast<std::uint32_t>(pieces[i].at - old.old_front() + old.new_front());
    call.bytes = fresh;
    call.size = static_cast<std::uint32_t>(bytes);
    take_block(call, fresh, bytes);
    call.has_remedy = false;  // EVAL cannot lack its script.
    return true;
}

/// FUNCTION LOAD on its way to a node that lacks the library. Nobody awaits it: if it fails, the FCALL behind
/// it says that there is no such function. "Library already exists" is no failure: another client was
/// quicker.
struct loading_call final : engine::call {
    std::unique_ptr<char[]> encoded;

    explicit loading_call(command::function_library const& library) {
        static constexpr command::command_spec load{"FUNCTION LOAD", cluster::command_flags::none};
        static constexpr engine::call_kind nobody{.decode = [](engine::call&, resp::view const&) noexcept {},
                                                  .fail = [](engine::call&, error&&) noexcept {},
                                                  .complete = [](engine::call& done) { recycle(done); },
                                                  .drop = [](engine::call& done) noexcept { recycle(done); },
                                                  .takes_errors = true};
        command::argument const both[]{command::argument{std::string_view{"REPLACE"}},
                                       command::argument{library.text()}};
        bool const replaces = library.existing() == command::if_library_exists::replace;
        std::span<command::argument const> const words = std::span{both}.subspan(replaces ? 0 : 1);
        encoded = std::make_unique_for_overwrite<char[]>(command::measure(words).bytes);
        command::encoded const made =
            command::encode(encoded.get(), load, words, [](std::size_t, std::string_view) {});
        bytes = encoded.get();
        size = static_cast<std::uint32_t>(made.end - encoded.get());
        kind = &nobody;
        issued_by = engine::issuer::engine;
    }
    static void recycle(engine::call& done) noexcept { delete static_cast<loading_call*>(&done); }
};

/// Sends the library ahead of FCALL. False where there is no memory for that.
inline bool load_first(engine::call&, void const* subject, engine::call*& first) noexcept {
    auto const& library = *static_cast<command::function_library const*>(subject);
    return engine::try_alloc([&] { first = new loading_call{library}; });
}

/// Notes the remedy in front of the call's bytes, where room was left for it.
inline void put_remedy(async::pooled_call& call, command::loadable named) noexcept {
    engine::put_remedy(const_cast<char*>(call.bytes) - engine::remedy_bytes,
                       named.script ? engine::remedy{&evaluate_instead, named.script}
                                    : engine::remedy{&load_first, named.library});
    call.has_remedy = true;
    call.launch = async::launch_kind::remedied;
}
/// Behind encoding::arm.
inline void arm(async::pooled_call& call, command::loadable named) {
    std::size_t const bytes = engine::remedy_bytes + call.size;
    if (call.bytes == call.inline_space && bytes <= async::pooled_call::inline_bytes) {
        std::memmove(call.inline_space + engine::remedy_bytes, call.inline_space, call.size);
        call.bytes = call.inline_space + engine::remedy_bytes;
    } else {
        auto* const fresh = static_cast<char*>(std::malloc(bytes));
        if (!fresh) throw_bad_alloc();
        std::memcpy(fresh + engine::remedy_bytes, call.bytes, call.size);
        call.bytes = fresh + engine::remedy_bytes;
        take_block(call, fresh, bytes);
    }
    put_remedy(call, named);
}

/// Behind encoding::make_loaded.
inline async::pooled_call& make_loaded(site const& site, command::command_spec const& name,
                                       std::span<command::argument const> words, command::refusal refusal,
                                       command::loadable named, value_kind const& value) {
    async::pooled_call& call = value.obtain(*site.owner);
    prepare(call, site, name.flags());
    if (site.wrong) return refuse(call, value, error{*site.wrong});
    if (refusal) return refuse(call, value, error{refusal.code, delivery::not_sent, refusal.message});
    if (named.text().size() > site.argument_bytes_max)
        return refuse(call, value, longer_than_allowed(named.text().size(), site.argument_bytes_max));
    UMBEL_TRY {
        bool const encoded =
            site.prefix.empty() ? encode_any(call, name, words, site.argument_bytes_max, engine::remedy_bytes)
                                : encode_prefixed_behind(call, site, name, words, engine::remedy_bytes);
        if (!encoded) return refuse(call, value, site.code->too_long(words, site));
    }
    UMBEL_CATCH(...) {
        return refuse(call, value, error{errc::no_memory, delivery::not_sent});
    }
    put_remedy(call, named);
    if (site.options.lease) site.owner->code->put_on_lease(*site.options.lease, call);
    return call;
}

}  // namespace umbel::calling
