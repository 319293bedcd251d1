// All of umbel included, nothing used.
#include <umbel.hpp>
