// encode_loaded.hpp: commands that name a script or a function, with what they do where a node lacks it: what
// stands behind encoding::make_loaded. It sends nothing.
#pragma once

#include <umbel/client/encode_prefixed.hpp>
#include <umbel/command/scripting.hpp>
#include <umbel/engine/remedy.hpp>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace umbel::calling {

/// Turns EVALSHA into EVAL: the name and the first argument are exchanged, all behind them stays. False where
/// there is no memory for that.
inline bool evaluate_instead(engine::call& base, void const* subject, engine::call*&) noexcept {
    auto& call = static_cast<async::pooled_call&>(base);
    std::string_view const text = static_cast<command::script const*>(subject)->text();
    bool const reads = has(call.flags, cluster::command_flags::read_only);
    std::string_view const before =
        reads ? command::specs::evalsha_ro.wire() : command::specs::evalsha.wire();
    std::string_view const after = reads ? command::specs::eval_ro.wire() : command::specs::eval.wire();
    std::string_view const old{call.bytes, call.size};
    std::size_t const header = old.find('\n') + 1;
    std::size_t const old_front = header + before.size() + resp::bulk_size(command::sha1::digits_count);
    std::size_t const most = header + after.size() + resp::bulk_size(text.size()) + old.size() - old_front;
    if (most > 0xffffffffu) return false;
    auto* const fresh = static_cast<char*>(std::malloc(most));
    if (!fresh) return false;
    std::memcpy(fresh, old.data(), header);
    std::memcpy(fresh + header, after.data(), after.size());
    char* const rest = resp::put_bulk(fresh + header + after.size(), text);
    std::memcpy(rest, old.data() + old_front, old.size() - old_front);
    auto const front = static_cast<std::size_t>(rest - fresh);
    if (auto* const pieces = const_cast<engine::borrowed_piece*>(call.borrowed))
        for (std::uint32_t i = 0; i < call.borrowed->count; ++i)
            pieces[i].at = static_cast<std::uint32_t>(pieces[i].at - old_front + front);
    call.size = static_cast<std::uint32_t>(front + old.size() - old_front);
    std::free(call.block);
    call.bytes = call.block = fresh;
    call.block_capacity = static_cast<std::uint32_t>(most);
    call.has_block = true;
    call.has_remedy = false;  // EVAL cannot lack its script.
    return true;
}

/// FUNCTION LOAD REPLACE on its way to a node that lacks the library. Nobody awaits it: if it fails, the
/// FCALL behind it says that there is no such function.
struct loading_call final : engine::call {
    std::unique_ptr<char[]> encoded;

    explicit loading_call(std::string_view library) {
        static constexpr command::command_spec load{"FUNCTION LOAD", cluster::command_flags::none};
        static constexpr engine::call_kind nobody{.decode = [](engine::call&, resp::view const&) noexcept {},
                                                  .fail = [](engine::call&, error&&) noexcept {},
                                                  .complete = [](engine::call& done) { recycle(done); },
                                                  .drop = [](engine::call& done) noexcept { recycle(done); },
                                                  .takes_errors = true};
        command::argument const words[]{command::argument{std::string_view{"REPLACE"}},
                                        command::argument{library}};
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
    std::string_view const library = static_cast<command::function_library const*>(subject)->text();
    return engine::try_alloc([&] { first = new loading_call{library}; });
}

/// Behind encoding::make_loaded.
inline async::pooled_call& make_loaded(site const& site, command::command_spec const& name,
                                       std::span<command::argument const> words, command::refusal refusal,
                                       command::loadable named, value_kind const& value) {
    async::pooled_call& call = value.obtain(*site.owner);
    prepare(call, site, name.flags());
    if (site.wrong) return refuse(call, value, error{*site.wrong});
    if (refusal) return refuse(call, value, error{refusal.code, delivery::not_sent, refusal.message});
    std::string_view const text = named.script ? named.script->text() : named.library->text();
    if (text.size() > site.argument_bytes_max)
        return refuse(call, value, longer_than_allowed(text.size(), site.argument_bytes_max));
    UMBEL_TRY {
        bool const encoded =
            site.prefix.empty() ? encode_any(call, name, words, site.argument_bytes_max, engine::remedy_bytes)
                                : encode_prefixed_behind(call, site, name, words, engine::remedy_bytes);
        if (!encoded) return refuse(call, value, site.code->too_long(words, site));
    }
    UMBEL_CATCH(...) {
        return refuse(call, value, error{errc::no_memory, delivery::not_sent});
    }
    engine::put_remedy(const_cast<char*>(call.bytes) - engine::remedy_bytes,
                       named.script ? engine::remedy{&evaluate_instead, named.script}
                                    : engine::remedy{&load_first, named.library});
    call.has_remedy = true;
    call.launch = async::launch_kind::remedied;
    return call;
}

}  // namespace umbel::calling
