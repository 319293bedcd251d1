#include <umbel.hpp>
