// element_scan_commands.hpp: how a client comes to all elements of one hash, set or sorted set. What it comes
// to stands in a header of its own, which only those include who use it: element_scan.hpp.
#pragma once

#include <umbel/client/make_operation.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace umbel {

template <class Element>
class element_scan;
template <class Element>
class sync_element_scan;
struct element_scan_options;

namespace calling {

/// What of a key is scanned.
enum class scanned : std::uint8_t { hash, hash_fields, set, sorted_set };

/// A scan, or one whose pages are waited for where the client's commands are.
template <class Element, class Self, class Options>
auto scan_elements(Self const& self, scanned what, std::string_view name, Options const& options) {
    element_scan<Element> begun{self.site(), what, name, options};
    if constexpr (requires { self.thread(); }) {
        return sync_element_scan<Element>{std::move(begun), self.thread()};
    } else {
        return begun;
    }
}

}  // namespace calling

/// Scans of the elements of one key, for whatever has a site: `auto fields = db.scan_hash("h", {.match =
/// "a*"})`, then `while (auto page = co_await fields.next())`. They need <umbel/client/element_scan.hpp>,
/// where the promise stands; those of a sync_client <umbel/client/sync_nodes.hpp>. Errors: each throws
/// std::bad_alloc where there is no memory for its state; all others come with the pages. Lifetime: a scan
/// may outlive the client.
template <class Self>
class element_scan_commands {
public:
    /// A scan of a hash: its pages have pairs of field and value. Rule: HSCAN command. Since 2.8.0.
    template <class Value = std::string, class Options = element_scan_options>
    auto scan_hash(std::string_view name, Options const& options = Options{}) const {
        return calling::scan_elements<std::pair<std::string, Value>>(self(), calling::scanned::hash, name,
                                                                     options);
    }
    /// A scan of the fields of a hash, without their values. Rule: HSCAN command, NOVALUES. Since 7.4.0
    /// (Valkey 8.0).
    template <class Options = element_scan_options>
    auto scan_hash_fields(std::string_view name, Options const& options = Options{}) const {
        return calling::scan_elements<std::string>(self(), calling::scanned::hash_fields, name, options);
    }
    /// A scan of a set. Rule: SSCAN command. Since 2.8.0.
    template <class Value = std::string, class Options = element_scan_options>
    auto scan_set(std::string_view name, Options const& options = Options{}) const {
        return calling::scan_elements<Value>(self(), calling::scanned::set, name, options);
    }
    /// A scan of a sorted set: its pages have members with their scores, in no order. Rule: ZSCAN command.
    /// Since 2.8.0.
    template <class Value = std::string, class Options = element_scan_options>
    auto scan_sorted_set(std::string_view name, Options const& options = Options{}) const {
        return calling::scan_elements<std::pair<Value, double>>(self(), calling::scanned::sorted_set, name,
                                                                options);
    }

private:
    Self const& self() const noexcept { return static_cast<Self const&>(*this); }
};

}  // namespace umbel
