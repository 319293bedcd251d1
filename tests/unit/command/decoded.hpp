// decoded.hpp: a reply in the text of the protocol, read and decoded as a client would.
#pragma once

#include <umbel/resp/decode.hpp>
#include <umbel/resp/reader.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace umbel::test {

/// What `text`, one whole reply, is as a T. Throws std::logic_error unless the reply behind it is read next,
/// whatever became of this one.
template <class T>
result<T> decoded(std::string_view text) {
    constexpr std::string_view behind = ":7\r\n";
    resp::reader reader;
    auto const room = reader.space(text.size() + behind.size());
    if (room.size() < text.size() + behind.size()) throw std::logic_error{"decoded: no room for the reply"};
    std::memcpy(room.data(), text.data(), text.size());
    std::memcpy(room.data() + text.size(), behind.data(), behind.size());
    reader.commit(text.size() + behind.size());
    resp::view view;
    if (reader.next(view) != resp::reader::status::ready)
        throw std::logic_error{"decoded: not a whole reply"};
    result<T> told = decode<T>(view);
    if (reader.next(view) != resp::reader::status::ready || decode<int>(view) != 7)
        throw std::logic_error{"decoded: the reply behind is lost"};
    return told;
}

/// Replies of every shape, right for none or few commands: each must give a value or an error, never a crash.
inline constexpr std::array<std::string_view, 34> odd_replies{"+OK\r\n",
                                                              "+\r\n",
                                                              ":0\r\n",
                                                              ":-3\r\n",
                                                              ":9223372036854775807\r\n",
                                                              "$-1\r\n",
                                                              "$0\r\n\r\n",
                                                              "$3\r\nabc\r\n",
                                                              "*-1\r\n",
                                                              "*0\r\n",
                                                              "*1\r\n:1\r\n",
                                                              "*1\r\n$-1\r\n",
                                                              "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
                                                              "*3\r\n$1\r\na\r\n:2\r\n*0\r\n",
                                                              "*2\r\n*0\r\n*0\r\n",
                                                              "*2\r\n$1\r\n0\r\n*0\r\n",
                                                              "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n",
                                                              "*1\r\n*2\r\n$1\r\na\r\n,1.5\r\n",
                                                              "*1\r\n*1\r\n*1\r\n*0\r\n",
                                                              "*1\r\n*2\r\n$3\r\n1-0\r\n*-1\r\n",
                                                              "*2\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n$-1\r\n",
                                                              "_\r\n",
                                                              "#t\r\n",
                                                              "#f\r\n",
                                                              ",1.5\r\n",
                                                              ",nan\r\n",
                                                              "(123456789012345678901234567890\r\n",
                                                              "=7\r\ntxt:abc\r\n",
                                                              "%0\r\n",
                                                              "%1\r\n$1\r\na\r\n:1\r\n",
                                                              "%1\r\n*1\r\n:1\r\n*0\r\n",
                                                              "~2\r\n$1\r\na\r\n$1\r\nb\r\n",
                                                              "-ERR no\r\n",
                                                              "*1\r\n-ERR inside\r\n"};

/// Decodes every odd reply as a T. Returns how many gave a value. Each that gave none says unexpected_type,
/// or server_error where it is or holds an error; throws std::logic_error for anything else.
template <class T>
std::size_t survives_odd_replies() {
    std::size_t values = 0;
    for (std::string_view const text : odd_replies) {
        result<T> const got = decoded<T>(text);
        if (got) {
            ++values;
            continue;
        }
        errc const code = got.error().code();
        bool const error_inside = text.find("-ERR") != std::string_view::npos;
        if (code != errc::unexpected_type && !(error_inside && code == errc::server_error))
            throw std::logic_error{"an odd reply gives " + got.error().to_string()};
    }
    return values;
}

}  // namespace umbel::test
