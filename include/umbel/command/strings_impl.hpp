// strings_impl.hpp: behind the boundary of strings.hpp: the words of a SET.
#pragma once

#include <umbel/command/strings.hpp>

namespace umbel::command {

template <class Word>
void set_arguments::add(Word const& word) noexcept {
    words_[count_++] = argument{word};
}

UMBEL_BOUNDARY set_arguments::set_arguments(std::string_view name, argument const& value,
                                            set_options const& options, bool with_get) noexcept
    : words_{argument{umbel::key{name}}, value, none(), none(), none(), none(), none()} {
    using std::chrono::seconds;
    if (options.expire) {
        bool const whole = options.expire->count() % 1000 == 0;
        add(whole ? "EX" : "PX");
        add(whole ? options.expire->count() / 1000 : options.expire->count());
    } else if (options.expire_at) {
        auto const since = options.expire_at->time_since_epoch().count();
        bool const whole = since % 1000 == 0;
        add(whole ? "EXAT" : "PXAT");
        add(whole ? since / 1000 : since);
    }
    if (options.keep_ttl) add("KEEPTTL");
    if (options.condition == set_condition::if_absent) add("NX");
    if (options.condition == set_condition::if_present) add("XX");
    if (with_get) add("GET");
}

}  // namespace umbel::command
