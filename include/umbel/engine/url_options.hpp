// url_options.hpp: options out of URLs: what the URLs among the seeds say is put into the options, or
// refused. It reads no options of its own: engine/options_check.hpp knows their ranges.
#pragma once

#include <umbel/cluster/url.hpp>
#include <umbel/engine/options_check.hpp>
#include <umbel/engine/url_parameters.hpp>
#include <umbel/options.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::engine {

/// Gathers what several URLs say. They may repeat each other, and must not contradict each other.
class url_gatherer {
public:
    /// Begins with `base`, whose values count where no URL says otherwise.
    explicit url_gatherer(options base) : gathered_{std::move(base)} {}

    /// Errors: bad_argument: an unknown parameter, a value that cannot be read, an option that this URL sets
    /// twice, or sets otherwise than a URL before. The message names the parameter, never its value.
    result<void> add(cluster::seed_url const& url) {
        in_this_url_ = {};
        if (!url.username.empty())
            if (auto good = set("username", url.username, 0); !good) return good;
        if (!url.password.empty())
            if (auto good = set("password", url.password, 0); !good) return good;
        if (url.database)
            if (auto good = set("database", std::to_string(*url.database), 0); !good) return good;
        if (url.sentinel)
            if (auto good = set("sentinel_primary", url.primary_name, 0); !good) return good;
        for (cluster::url_parameter const& parameter : url.parameters) {
            // Behind a password this may be its tail: an & in it ends it.
            bool const may_be_secret = url.password.empty() && in_this_url_[password_row];
            if (find_url_option(parameter.name) == no_url_option)
                return bad(parameter.at, may_be_secret ? std::string_view{} : parameter.name,
                           "unknown; a parameter is called as its option is");
            if (auto good = set(parameter.name, parameter.value, parameter.at); !good) return good;
        }
        // Credentials are a pair: the username of one source does not meet the password of another.
        bool const has_username = in_this_url_[username_row];
        if (has_username != in_this_url_[password_row])
            if (auto good = set(has_username ? "password" : "username", {}, 0); !good) return good;
        for (std::size_t i = 0; i < said_.size(); ++i) said_[i] = said_[i] || in_this_url_[i];
        return {};
    }

    options const& gathered() const noexcept { return gathered_; }
    options take() && { return std::move(gathered_); }

private:
    using marks = std::array<bool, url_options.size()>;
    static constexpr std::size_t username_row = find_url_option("username");
    static constexpr std::size_t password_row = find_url_option("password");

    /// Sets the option of a row. `at`: the place of a parameter; 0: it stands before the query.
    /// Precondition: there is a row of this name.
    result<void> set(std::string_view name, std::string_view value, std::size_t at) {
        std::size_t const row = find_url_option(name);
        url_option const& option = url_options[row];
        if (in_this_url_[row]) return bad(at, option.name, "the URL says it twice");
        in_this_url_[row] = true;
        options const before = said_[row] ? gathered_ : options{};
        if (!option.read(value, gathered_)) return bad(at, option.name, "not " + option.form());
        if (said_[row] && !option.same(before, gathered_))
            return bad(at, option.name, "a URL before this one says otherwise");
        return {};
    }

    static tl::unexpected<error> bad(std::size_t at, std::string_view name, std::string_view why) {
        std::string message{"URL, "};
        if (at != 0) message.append("character ").append(std::to_string(at)).append(": ");
        message.append("parameter ").append(shown(name)).append(": ").append(why);
        return fail(errc::bad_argument, delivery::not_sent, message);
    }
    /// A name is repeated if it looks like that of a parameter.
    static std::string_view shown(std::string_view name) noexcept {
        constexpr std::size_t longest = 40;
        bool plain = name.size() <= longest;
        for (char const letter : name)
            plain = plain &&
                    ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '_');
        return plain && !name.empty() ? name : std::string_view{"of that name"};
    }

    options gathered_;
    marks said_{};
    marks in_this_url_{};
};

/// The options that a URL says. Their seeds are its addresses: what else it says stands in the other options.
/// Errors: bad_argument: see cluster::read_url() and url_gatherer::add().
inline result<options> options_from_url(std::string_view text) {
    auto url = cluster::read_url(text);
    if (!url) return tl::unexpected<error>{url.error()};
    url_gatherer gatherer{options{}};
    if (auto good = gatherer.add(*url); !good) return tl::unexpected<error>{good.error()};
    options made = std::move(gatherer).take();
    made.seeds = seed_list{cluster::bare_seed(*url)};
    return made;
}

/// The same options with what the URLs among their seeds say, and the addresses of these as seeds. What a URL
/// says takes the place of what the option says. Calling it again changes nothing.
/// Errors: bad_argument: what options_from_url() refuses; two URLs that contradict each other; a value that
/// is out of range because of a URL. The message names the seed.
inline result<options> with_urls(options given) {
    auto const bad_seed = [](std::size_t index, error const& why) {
        return fail(errc::bad_argument, delivery::not_sent,
                    "options.seeds[" + std::to_string(index) + "]: " + std::string{why.message()});
    };
    seed_list seeds;
    url_gatherer gatherer{given};
    bool in_range = checking::check(given).has_value();
    std::size_t spoiler = given.seeds.size();  // The seed that has put a good option out of range.
    for (std::size_t i = 0; i < given.seeds.size(); ++i) {
        std::string const& seed = given.seeds[i];
        if (!cluster::is_url(seed)) {
            seeds.add(seed);
            continue;
        }
        auto const url = cluster::read_url(seed);
        if (!url) return bad_seed(i, url.error());
        if (auto good = gatherer.add(*url); !good) return bad_seed(i, good.error());
        bool const stays = checking::check(gatherer.gathered()).has_value();
        if (in_range && !stays) spoiler = i;
        in_range = stays;
        seeds.add(cluster::bare_seed(*url));
    }
    options settled = std::move(gatherer).take();
    settled.seeds = std::move(seeds);
    if (!in_range && spoiler < given.seeds.size()) return bad_seed(spoiler, checking::check(settled).error());
    return settled;
}

}  // namespace umbel::engine
