// Later: order, once, items that go, items that come back while the queue runs.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

#include "../loop/turning.hpp"
#include "session/later.hpp"

namespace peerhold {
namespace {

struct Item final : private Later::Item {
  std::function<void()> what;
  explicit Item(std::function<void()> w) : what(std::move(w)) {}
  void ask(Later& later) { later.add(*this); }

 private:
  void run_later() override { what(); }
};

TEST_CASE("later, in order, each once however often it was asked for") {
  Loop loop;
  Later later(loop);
  std::string seen;
  Item a([&] { seen += 'a'; }), b([&] { seen += 'b'; }), c([&] { seen += 'c'; });
  for (Item* item : {&b, &a, &b, &c, &a}) item->ask(later);
  CHECK(seen.empty());
  REQUIRE(turn_until(loop, [&] { return seen.size() == 3; }));
  CHECK(seen == "bac");
  for (int i = 0; i < 5; ++i) loop.turn();
  CHECK(seen == "bac");
  a.ask(later);
  REQUIRE(turn_until(loop, [&] { return seen == "baca"; }));
}

TEST_CASE("what is destroyed before its turn, or in another's, does not run") {
  Loop loop;
  Later later(loop);
  std::string seen;
  auto early = std::make_unique<Item>([&] { seen += 'e'; });
  std::unique_ptr<Item> victim = std::make_unique<Item>([&] { seen += 'v'; });
  Item killer([&] {
    seen += 'k';
    victim.reset();
  });
  Item last([&] { seen += 'l'; });
  early->ask(later);
  killer.ask(later);
  victim->ask(later);
  last.ask(later);
  early.reset();
  REQUIRE(turn_until(loop, [&] { return seen.ends_with('l'); }));
  CHECK(seen == "kl");
}

TEST_CASE("an item may destroy itself") {
  Loop loop;
  Later later(loop);
  bool ran = false, after_ran = false;
  std::unique_ptr<Item> own;
  own = std::make_unique<Item>([&] {
    ran = true;
    const std::unique_ptr<Item> gone = std::move(own);
    gone->ask(later);  // and what is asked for on the way out is forgotten
  });
  Item after([&] { after_ran = true; });
  own->ask(later);
  after.ask(later);
  REQUIRE(turn_until(loop, [&] { return after_ran; }));
  CHECK(ran);
  for (int i = 0; i < 5; ++i) loop.turn();
}

TEST_CASE("asked for while the queue runs: again, on a later turn, behind the others") {
  Loop loop;
  Later later(loop);
  std::string seen;
  int left = 3;
  std::unique_ptr<Item> b;
  Item a([&] {
    seen += 'a';
    if (--left > 0) a.ask(later);
    b->ask(later);  // where its turn is still to come in this run: once
  });
  b = std::make_unique<Item>([&] { seen += 'b'; });
  a.ask(later);
  b->ask(later);
  REQUIRE(turn_until(loop, [&] { return left == 0; }));
  REQUIRE(turn_until(loop, [&] { return seen.ends_with('b'); }));
  CHECK(seen == "abaab");
}

}  // namespace
}  // namespace peerhold
