#pragma once
#include <string>
#include <vector>

#include "farm_sessions.hpp"

namespace farm {

struct Options {
  bool pass = false;  // else hold
  sockaddr_in at{}, router{}, app{}, first{};
  std::string key;
  std::uint32_t as = 64513, peer_as = 64512;
  unsigned routers = 1;
  std::uint16_t hold = 9;
  double redial = 0.1, deadline = 60;
  bool dial = false, floor = false, direct = false;
  std::vector<std::string> steps;
};

[[noreturn]] void usage();
double number(std::string_view text, double most);
Options parse(int count, char** words);

// They refer to `options`. Of the two sessions of `pass` the router's is the first.
constexpr unsigned kRouter = 0, kApp = 1;
Settings settings_for(const Options& options);

}  // namespace farm
