// chart.hpp: line charts on logarithmic axes and grouped bars, as SVG that reads well on white and on dark
// pages. It knows numbers and titles, not what was measured.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace bench {

namespace drawing {

[[gnu::format(printf, 1, 2)]] inline std::string text(char const* format, ...) {
    char made[512];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(made, sizeof made, format, arguments);
    va_end(arguments);
    return made;
}

inline std::string escaped(std::string const& plain) {
    std::string made;
    for (char const letter : plain) {
        if (letter == '&')
            made += "&amp;";
        else if (letter == '<')
            made += "&lt;";
        else
            made += letter;
    }
    return made;
}

/// Greys that hold on both grounds, better ones where the page says it is dark.
inline std::string head(double width, double height, std::string const& title) {
    return text(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
               "height=\"%.0f\" role=\"img\">\n",
               width, height, width, height) +
           "<title>" + escaped(title) +
           "</title>\n"
           "<style>text{font:13px "
           "system-ui,sans-serif;fill:#6c757d}.h{font-size:16px;font-weight:600}.s{font-size:12px}"
           ".g{stroke:#868e96;stroke-opacity:.25}.a{stroke:#868e96}"
           "@media(prefers-color-scheme:light){text{fill:#495057}}"
           "@media(prefers-color-scheme:dark){text{fill:#ced4da}.g{stroke:#adb5bd;stroke-opacity:.22}}</"
           "style>\n";
}

/// 1500 as 1,500; 0.25 as 0.25.
inline std::string readable(double value) {
    if (value < 1) return text("%g", value);
    std::string digits = text("%.0f", value);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), ",");
    return digits;
}

}  // namespace drawing

struct series {
    std::string title;
    std::string colour;
    bool dashed = false;
    std::vector<std::pair<double, double>> points;
};

/// Lines over two logarithmic axes, each named at its right end.
struct chart {
    std::string title, across, up;
    std::vector<series> lines;
    double from = 0;  ///< Points further left are left out by whoever adds them.

    std::string svg() const {
        using drawing::text;
        bounds const all = measure();
        std::string made = drawing::head(width, height, title);
        made += text("<text class=\"h\" x=\"%.0f\" y=\"26\">", left) + drawing::escaped(title) + "</text>\n";
        made += text("<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">", (left + right) / 2, height - 12) +
                drawing::escaped(across) + "</text>\n";
        made += text("<text transform=\"translate(18 %.0f) rotate(-90)\" text-anchor=\"middle\">",
                     (top + bottom) / 2) +
                drawing::escaped(up) + "</text>\n";
        for (double const tick : ticks(all.low, all.high)) {
            double const y = place(tick, all.low, all.high, bottom, top);
            made += text("<line class=\"g\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>", left, right,
                         y, y);
            made += text("<text class=\"s\" x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left - 8,
                         y + 4, drawing::readable(tick).c_str());
        }
        for (double const at : all.across) {
            double const x = place(at, all.first, all.last, left, right);
            made += text("<line class=\"g\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/>", x, x, top,
                         bottom);
            made += text("<text class=\"s\" x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>\n", x,
                         bottom + 18, drawing::readable(at).c_str());
        }
        made +=
            text("<path class=\"a\" fill=\"none\" d=\"M%.0f %.0fV%.0fH%.0f\"/>\n", left, top, bottom, right);
        for (series const& one : lines) made += line(one, all);
        made += legend(all);
        return made + "</svg>\n";
    }

private:
    static constexpr double width = 820, height = 440, left = 86, right = 600, top = 46, bottom = 376;
    struct bounds {
        double first = 0, last = 0, low = 0, high = 0;
        std::vector<double> across;
    };

    bounds measure() const {
        bounds all;
        for (series const& one : lines) {
            for (auto const& [x, y] : one.points) {
                if (std::find(all.across.begin(), all.across.end(), x) == all.across.end())
                    all.across.push_back(x);
                all.low = all.low == 0 ? y : std::min(all.low, y);
                all.high = std::max(all.high, y);
            }
        }
        std::sort(all.across.begin(), all.across.end());
        all.first = all.across.front();
        all.last = all.across.back();
        all.low /= 1.25;
        all.high *= 1.25;
        return all;
    }
    static double place(double value, double low, double high, double from, double to) {
        if (low == high) return (from + to) / 2;
        return from + (to - from) * (std::log(value / low) / std::log(high / low));
    }
    /// 1, 2, 5 of every power of ten, fewer where the axis is long.
    static std::vector<double> ticks(double low, double high) {
        std::vector<double> made;
        bool const dense = std::log10(high / low) < 2.6;
        for (double power = std::pow(10, std::floor(std::log10(low))); power <= high; power *= 10)
            for (double const step : {1.0, 2.0, 5.0})
                if ((dense || step == 1.0) && power * step >= low && power * step <= high)
                    made.push_back(power * step);
        return made;
    }
    static std::string line(series const& one, bounds const& all) {
        using drawing::text;
        std::string path, dots;
        for (auto const& [x, y] : one.points) {
            double const px = place(x, all.first, all.last, left, right),
                         py = place(y, all.low, all.high, bottom, top);
            path += text("%s%.1f %.1f", path.empty() ? "M" : "L", px, py);
            dots += text(
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.4\" fill=\"%s\"><title>%s: %g at %g</title></circle>",
                px, py, one.colour.c_str(), drawing::escaped(one.title).c_str(), y, x);
        }
        return text("<path fill=\"none\" stroke=\"%s\" stroke-width=\"2.4\" stroke-linejoin=\"round\"%s d=\"",
                    one.colour.c_str(), one.dashed ? " stroke-dasharray=\"6 5\"" : "") +
               path + "\"/>" + (one.dashed ? "" : dots) + "\n";
    }
    /// Names beside the lines' ends, moved apart where they would touch.
    std::string legend(bounds const& all) const {
        std::vector<std::pair<double, series const*>> labels;
        for (series const& one : lines)
            labels.emplace_back(place(one.points.back().second, all.low, all.high, bottom, top), &one);
        std::sort(labels.begin(), labels.end(),
                  [](auto const& a, auto const& b) { return a.first < b.first; });
        constexpr double apart = 19;
        for (std::size_t i = 1; i < labels.size(); ++i)
            labels[i].first = std::max(labels[i].first, labels[i - 1].first + apart);
        double const over = labels.empty() ? 0 : std::max(0.0, labels.back().first - bottom);
        for (auto& one : labels) one.first -= over;
        std::string made;
        for (auto const& [y, one] : labels) {
            double const end = place(one->points.back().second, all.low, all.high, bottom, top);
            made += drawing::text(
                "<path fill=\"none\" stroke=\"%s\" stroke-opacity=\".55\" d=\"M%.0f %.1fL%.0f %.1f\"/>",
                one->colour.c_str(), right + 5, end, right + 22, y);
            made += drawing::text(
                "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"3\"%s/>",
                right + 24, right + 44, y, y, one->colour.c_str(),
                one->dashed ? " stroke-dasharray=\"5 4\"" : "");
            made += drawing::text("<text x=\"%.0f\" y=\"%.1f\">", right + 50, y + 4.5) +
                    drawing::escaped(one->title) + "</text>\n";
        }
        return made;
    }
};

/// Groups of horizontal bars on a logarithmic axis, each with its number.
struct bars {
    struct value {
        std::string title, colour;
        double number = 0;
    };
    struct group {
        std::string title;
        std::vector<value> values;
    };
    std::string title;
    std::vector<group> groups;

    std::string svg() const {
        using drawing::text;
        constexpr double width = 820, left = 250, right = 740, bar = 13, gap = 16, top = 64;
        double low = 0, high = 0, height = top + 10;
        for (group const& one : groups) {
            height += static_cast<double>(one.values.size()) * (bar + 3) + gap;
            for (value const& each : one.values) {
                low = low == 0 ? each.number : std::min(low, each.number);
                high = std::max(high, each.number);
            }
        }
        low /= 2;
        std::string made = drawing::head(width, height, title);
        made += "<text class=\"h\" x=\"20\" y=\"26\">" + drawing::escaped(title) + "</text>\n" + legend();
        double y = top;
        for (group const& one : groups) {
            double const tall = static_cast<double>(one.values.size()) * (bar + 3);
            made += text("<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">", left - 10, y + tall / 2 + 3) +
                    drawing::escaped(one.title) + "</text>\n";
            for (value const& each : one.values) {
                double const length = (right - left) * std::log(each.number / low) / std::log(high / low);
                made +=
                    text("<rect x=\"%.0f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\" rx=\"2\" fill=\"%s\"/>",
                         left, y, length, bar, each.colour.c_str());
                made += text("<text class=\"s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", left + length + 6, y + 11,
                             text(each.number < 10 ? "%.1f" : "%.0f", each.number).c_str());
                y += bar + 3;
            }
            y += gap;
        }
        return made + "</svg>\n";
    }

private:
    std::string legend() const {
        std::string made;
        std::vector<std::string> seen;
        double x = 250;
        for (group const& one : groups) {
            for (value const& each : one.values) {
                if (std::find(seen.begin(), seen.end(), each.title) != seen.end()) continue;
                seen.push_back(each.title);
                made += drawing::text(
                    "<rect x=\"%.0f\" y=\"40\" width=\"14\" height=\"10\" rx=\"2\" fill=\"%s\"/>", x,
                    each.colour.c_str());
                made += drawing::text("<text x=\"%.0f\" y=\"50\">", x + 20) + drawing::escaped(each.title) +
                        "</text>\n";
                x += 50 + 7.2 * static_cast<double>(each.title.size());
            }
        }
        return made;
    }
};

}  // namespace bench
