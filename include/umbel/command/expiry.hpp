// expiry.hpp: expiries as options of commands that write or read a value: EX, PX, EXAT, PXAT. It knows no
// command.
#pragma once

#include <umbel/command/word_list.hpp>

#include <chrono>
#include <optional>

namespace umbel::command {

using milliseconds = std::chrono::milliseconds;
using unix_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Adds EX or PX, or EXAT or PXAT: whole seconds go out as seconds. Refuses an expiry that has passed already
/// when it is set, as servers do, and both kinds at once.
inline void add_expiry(word_list& list, std::optional<milliseconds> expire,
                       std::optional<unix_time> expire_at) noexcept {
    list.refuse_if(expire && expire_at, "expire and expire_at exclude each other");
    if (expire) {
        list.refuse_if(*expire <= milliseconds{0}, "expire is not positive");
        bool const whole = expire->count() % 1000 == 0;
        list.add(whole ? "EX" : "PX", whole ? expire->count() / 1000 : expire->count());
    }
    if (expire_at) {
        auto const since = expire_at->time_since_epoch();
        list.refuse_if(since <= milliseconds{0}, "expire_at is not after 1970");
        bool const whole = since.count() % 1000 == 0;
        list.add(whole ? "EXAT" : "PXAT", whole ? since.count() / 1000 : since.count());
    }
}
/// add_expiry(), or KEEPTTL in its place.
inline void add_expiry_or_keep(word_list& list, std::optional<milliseconds> expire,
                               std::optional<unix_time> expire_at, bool keep_ttl) noexcept {
    list.refuse_if(keep_ttl && (expire || expire_at), "keep_ttl excludes expire and expire_at");
    add_expiry(list, expire, expire_at);
    list.add_if(keep_ttl, "KEEPTTL");
}
/// add_expiry(), or PERSIST in its place.
inline void add_expiry_or_persist(word_list& list, std::optional<milliseconds> expire,
                                  std::optional<unix_time> expire_at, bool persist) noexcept {
    list.refuse_if(persist && (expire || expire_at), "persist excludes expire and expire_at");
    add_expiry(list, expire, expire_at);
    list.add_if(persist, "PERSIST");
}

}  // namespace umbel::command

namespace umbel {
using command::unix_time;
}  // namespace umbel
