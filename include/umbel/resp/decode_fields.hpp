// decode_fields.hpp: structs by the names of their fields: how a struct says them, and from_reply of such a
// struct from a hash. It knows no command. Users specialise fields_of in namespace umbel.
#pragma once

#include <umbel/error.hpp>
#include <umbel/resp/decode_containers.hpp>
#include <umbel/resp/from_reply.hpp>
#include <umbel/resp/view.hpp>

#include <concepts>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace umbel {

/// A member of a struct, and the name that it has in a hash.
/// Lifetime: the name is a literal, or lasts as long as the program.
template <class Struct, class Member>
struct field {
    using struct_type = Struct;
    using member_type = Member;

    std::string_view name;
    Member Struct::* member;

    constexpr field(std::string_view called, Member Struct::* held) noexcept : name{called}, member{held} {}
};

/// What stands in place of the fields of a struct that says none.
struct no_fields {};

/// The fields of a struct. It says them itself, behind its last member:
///
///     struct user {
///         std::string name;
///         int age = 0;
///         std::optional<std::string> mail;  // optional: it may be missing in the hash, and is not sent then
///         static constexpr auto umbel_fields = std::tuple{umbel::field("name", &user::name),
///             umbel::field("age", &user::age), umbel::field("mail", &user::mail)};
///     };
///
/// or somebody else does, where the struct cannot be changed:
///
///     template <>
///     inline constexpr auto umbel::fields_of<user> = std::tuple{umbel::field("name", &user::name)};
template <class T>
inline constexpr auto fields_of = [] {
    if constexpr (requires { T::umbel_fields; }) {
        return T::umbel_fields;
    } else {
        return no_fields{};
    }
}();

namespace resp {

template <class T>
inline constexpr bool is_field_list = false;
template <class... Struct, class... Member>
inline constexpr bool is_field_list<std::tuple<field<Struct, Member>...>> = sizeof...(Member) > 0;

template <class T>
inline constexpr bool may_be_missing = false;
template <class T>
inline constexpr bool may_be_missing<std::optional<T>> = true;

}  // namespace resp

/// A struct that says its fields: hashes are decoded into it, and it is sent as fields and values.
template <class T>
concept described = std::is_class_v<T> && resp::is_field_list<std::remove_cvref_t<decltype(fields_of<T>)>>;

namespace resp {

template <class List>
inline constexpr bool decodable_members = false;
template <class... Struct, class... Member>
inline constexpr bool decodable_members<std::tuple<field<Struct, Member>...>> = (decodable<Member> && ...);

/// The same error, with the name of the field in front of its message.
UMBEL_NEVER_INLINE inline tl::unexpected<error> of_field(std::string_view name, error const& why) noexcept {
    char text[240];
    std::snprintf(text, sizeof text, "field \"%.*s\": %.*s", static_cast<int>(name.size()), name.data(),
                  static_cast<int>(why.message().size()), why.message().data());
    return fail(why.code(), why.delivery(), std::string_view{text});
}
UMBEL_NEVER_INLINE inline tl::unexpected<error> missing_field(std::string_view name, view reply) noexcept {
    char text[240];
    std::string_view const kind = name_of(reply.kind());
    std::snprintf(text, sizeof text, "expected a field \"%.*s\", got %.*s of %zu without it",
                  static_cast<int>(name.size()), name.data(), static_cast<int>(kind.size()), kind.data(),
                  reply.size());
    return fail(errc::unexpected_type, delivery::executed, std::string_view{text});
}

/// Decodes `reply` into the member that `named` says.
template <class Struct, class Member>
result<void> assign_field(Struct& into, field<Struct, Member> const& named, view reply) {
    result<Member> value = from_reply<Member>::from(reply);
    if (!value) return of_field(named.name, value.error());
    into.*named.member = std::move(*value);
    return {};
}

/// Decodes the pairs of a hash into the members that have their names; others are passed over.
template <class Struct, class... Fields>
result<Struct> decode_fields(view const& reply, std::tuple<Fields...> const& fields) {
    Struct into{};
    bool seen[sizeof...(Fields)]{};
    auto const take = [&](view name, view value) -> result<void> {
        result<void> done;
        std::size_t at = 0;
        auto const offer = [&](auto const& named) {
            if (name.text() == named.name) {
                seen[at] = true;
                done = assign_field(into, named, value);
            }
            ++at;
            return done.has_value();
        };
        std::apply([&](auto const&... each) { static_cast<void>((offer(each) && ...)); }, fields);
        return done;
    };
    if (result<void> done = visit_pairs(reply, take); !done)
        return tl::unexpected<error>{std::move(done.error())};
    std::string_view missing;
    std::size_t at = 0;
    auto const look = [&](auto const& named) {
        using member = typename std::remove_cvref_t<decltype(named)>::member_type;
        if (!seen[at++] && !may_be_missing<member> && missing.empty()) missing = named.name;
    };
    std::apply([&](auto const&... each) { (look(each), ...); }, fields);
    if (!missing.empty()) return missing_field(missing, reply);
    return into;
}

}  // namespace resp

/// A struct from a map, a flat array, or an array of pairs, by the names of its fields. What it does not name
/// is passed over; what is missing must be std::optional. Errors: unexpected_type, whose message names the
/// field.
template <described T>
    requires std::default_initializable<T> &&
             resp::decodable_members<std::remove_cvref_t<decltype(fields_of<T>)>>
struct from_reply<T> {
    static result<T> from(resp::view const& reply) { return resp::decode_fields<T>(reply, fields_of<T>); }
};

}  // namespace umbel
