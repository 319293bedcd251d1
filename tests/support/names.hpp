// names.hpp: a name service that tests write themselves. It stands before the C library's getaddrinfo for the
// whole program and knows only the names that it was given; all others are looked up as ever. To be included
// by one source file of a program.
#pragma once

#include <dlfcn.h>
#include <netdb.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace umbel::test {

/// Threading: any.
class name_service {
public:
    static name_service& shared() {
        static name_service one;
        return one;
    }
    /// From now on the name means these addresses, in this order; none: the name is unknown.
    void set(std::string name, std::vector<std::string> addresses) {
        std::lock_guard const guard{mutex_};
        names_[std::move(name)] = {std::move(addresses), 0};
    }
    /// Keeps everybody who asks for one of these names waiting, as silent name servers do, or no longer.
    void keep_silent(bool silent) {
        std::lock_guard const guard{mutex_};
        silent_ = silent;
        speaks_.notify_all();
    }
    /// How often a name was asked for since it was set.
    int asked(std::string const& name) {
        std::lock_guard const guard{mutex_};
        return names_[name].second;
    }

    int look_up(char const* name, char const* service, addrinfo const* hints, addrinfo** found) {
        static auto* const library =
            reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
        std::vector<std::string> addresses;
        {
            std::unique_lock guard{mutex_};
            auto const known = name ? names_.find(name) : names_.end();
            if (known == names_.end()) return library(name, service, hints, found);
            ++known->second.second;
            speaks_.wait(guard, [this] { return !silent_; });
            addresses = known->second.first;
        }
        addrinfo** end = found;
        *found = nullptr;
        for (std::string const& text : addresses) {
            if (library(text.c_str(), service, hints, end) != 0) continue;
            while (*end) end = &(*end)->ai_next;
        }
        return *found ? 0 : EAI_NONAME;
    }

private:
    std::mutex mutex_;
    std::condition_variable speaks_;
    bool silent_ = false;
    std::map<std::string, std::pair<std::vector<std::string>, int>> names_;
};

}  // namespace umbel::test

extern "C" int getaddrinfo(char const* name, char const* service, addrinfo const* hints, addrinfo** found) {
    return umbel::test::name_service::shared().look_up(name, service, hints, found);
}
