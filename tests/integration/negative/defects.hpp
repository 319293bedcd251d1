// defects.hpp: which defect the client of this program has; see tests.cmake. It is included before all else.
#pragma once

#include <string_view>

namespace defects {

inline std::string_view chosen;

/// Asked by the defective copies of our headers.
inline bool has(std::string_view name) noexcept { return chosen == name; }

}  // namespace defects
