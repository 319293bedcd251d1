// tally.hpp: what --bigkeys has found so far: of each type the number, the sum and the biggest key; and how
// that is written. It asks no server.
#pragma once

#include "palette.hpp"
#include "show.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>

namespace cli {

/// How the size of a key of one type is asked for, and what it counts.
struct measure {
    std::string_view type, command, unit;
};
inline constexpr measure measures[] = {
    {"string", "STRLEN", "bytes"},      {"list", "LLEN", "elements"}, {"set", "SCARD", "members"},
    {"hash", "HLEN", "fields"},         {"zset", "ZCARD", "members"}, {"stream", "XLEN", "entries"},
    {"vectorset", "VCARD", "elements"},
};

/// Null: a type of a module, whose keys are counted and not measured.
inline measure const* measure_of(std::string_view type) noexcept {
    for (measure const& each : measures)
        if (each.type == type) return &each;
    return nullptr;
}

/// A number with a comma between thousands.
inline std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
    return text;
}

class tally {
public:
    struct total {
        std::uint64_t keys = 0, sum = 0, biggest = 0;
        std::string name;  ///< Of the biggest key; empty where none was measured.
    };

    /// Counts a key. True when it is the biggest of its type so far.
    bool add(measure const& of, std::string_view key, std::uint64_t size) {
        total& into = totals_[static_cast<std::size_t>(&of - measures)];
        bool const biggest = into.keys == 0 || size > into.biggest;
        ++into.keys;
        into.sum += size;
        count(key);
        if (!biggest) return false;
        into.biggest = size;
        into.name = key;
        return true;
    }
    /// Counts a key of a type that cannot be measured.
    void add_unmeasured(std::string_view key) {
        ++unmeasured_;
        count(key);
    }
    /// Counts a key whose type or size was not to be had.
    void add_failed() noexcept { ++failed_; }

    std::uint64_t seen() const noexcept { return keys_ + failed_; }
    total const& of(measure const& type) const noexcept {
        return totals_[static_cast<std::size_t>(&type - measures)];
    }

    std::string summary(palette const& colours) const {
        std::string out;
        double const average = keys_ == 0 ? 0 : static_cast<double>(name_bytes_) / static_cast<double>(keys_);
        out.append(grouped(keys_)).append(" keys, whose names have ").append(decimal(average, 1));
        out.append(" bytes on average\n");
        if (unmeasured_ != 0) out.append(grouped(unmeasured_)).append(" of them of types of modules\n");
        if (failed_ != 0) out.append(grouped(failed_)).append(" more keys were not to be measured\n");
        append_biggest(out, colours);
        append_totals(out, colours);
        return out;
    }

private:
    void count(std::string_view key) noexcept {
        ++keys_;
        name_bytes_ += key.size();
    }
    static std::string decimal(double value, int digits) {
        char text[48];
        std::snprintf(text, sizeof text, "%.*f", digits, value);
        return text;
    }
    static void cell(std::string& out, std::string_view text, std::size_t width) {
        out.append(text).append(width > text.size() ? width - text.size() : 1, ' ');
    }

    void append_biggest(std::string& out, palette const& colours) const {
        for (measure const& each : measures) {
            if (of(each).keys == 0) continue;
            cell(out.append("\nbiggest "), each.type, 10);
            out.append(colours.text).append(quoted(of(each).name)).append(colours.reset).append("  ");
            out.append(grouped(of(each).biggest)).append(" ").append(each.unit);
        }
        out.append("\n");
    }
    void append_totals(std::string& out, palette const& colours) const {
        if (keys_ == 0) return;
        out.append("\n").append(colours.name);
        out.append("type              keys    share                          sum      average");
        out.append(colours.reset).append("\n");
        for (measure const& each : measures) {
            total const& all = of(each);
            if (all.keys == 0) continue;
            auto const keys = static_cast<double>(all.keys);
            char row[160];
            std::snprintf(row, sizeof row, "%-10s %11s %7.2f%% %18s %-9s %12.2f\n",
                          std::string{each.type}.c_str(), grouped(all.keys).c_str(),
                          100 * keys / static_cast<double>(keys_), grouped(all.sum).c_str(),
                          std::string{each.unit}.c_str(), static_cast<double>(all.sum) / keys);
            out.append(row);
        }
    }

    std::array<total, std::size(measures)> totals_;
    std::uint64_t keys_ = 0, name_bytes_ = 0, unmeasured_ = 0, failed_ = 0;
};

/// "[#####---------------]  25.0 %  1,000 of 4,000 keys"; `all` is what was there at the beginning.
inline std::string progress_bar(std::uint64_t seen, std::uint64_t all, std::size_t width) {
    double const share = all == 0 ? 1 : std::min(1.0, static_cast<double>(seen) / static_cast<double>(all));
    auto const full = static_cast<std::size_t>(share * static_cast<double>(width));
    char percent[16];
    std::snprintf(percent, sizeof percent, "%5.1f %%", share * 100);
    std::string out{'['};
    out.append(full, '#').append(width - full, '-').append("] ").append(percent).append("  ");
    return out.append(grouped(seen)).append(" of ").append(grouped(std::max(seen, all))).append(" keys");
}

}  // namespace cli
