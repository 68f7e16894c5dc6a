#include <doctest/doctest.h>

#include "cli/client.hpp"

using namespace peerhold;
using namespace peerhold::cli;

namespace {

int exit_after(Refusal refusal) {
  auto answer = parse_answer(refusal_line(refusal, "why"));
  REQUIRE(answer);
  REQUIRE_FALSE(answer->ok);
  return exit_of(*answer);
}

Arguments with_control(const char* path) {
  Arguments arguments;
  arguments.control = path;
  return arguments;
}

}  // namespace

TEST_CASE("what a refusal means to a script") {
  CHECK(exit_after(Refusal::no_session) == 3);
  CHECK(exit_after(Refusal::no_such) == 3);
  CHECK(exit_after(Refusal::bad_config) == 2);
  CHECK(exit_after(Refusal::bad_request) == 2);
  CHECK(exit_after(Refusal::denied) == 1);
  CHECK(exit_after(Refusal::busy) == 1);
  CHECK(exit_after(Refusal::failed) == 1);
}

TEST_CASE("nobody behind the control socket is 4, whatever was asked") {
  std::string json;
  std::optional<Client> client;
  for (const char* path : {"/nonexistent/control.sock", "/dev/null"}) {
    CHECK(ask_keeper(with_control(path), {}, json) == 4);
    CHECK(start_with_keeper(with_control(path), {}, client) == 4);
  }
  CHECK(json.empty());
  CHECK_FALSE(client);
}
