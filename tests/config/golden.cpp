// golden [--update] DIR PLUGIN.so…: loads DIR/good/*.toml, which must be taken, and DIR/bad/*.toml,
// which must not, and compares what is said with NAME.expected beside each; what a good file prints
// must load as the same again, and is compared with NAME.printed where there is one. --update
// writes the .expected and .printed files: read the difference before you commit it. What is
// shipped is loaded with the real plugins.
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "config/config.hpp"
#include "plugin/library.hpp"
#include "plugins.hpp"

using namespace peerhold;

namespace {

using Libraries = std::map<std::string, std::unique_ptr<Library>>;

bool update = false;
int failures = 0, passes = 0;

std::vector<std::string> files(const std::string& pattern) {
  std::vector<std::string> out;
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  std::sort(out.begin(), out.end());
  return out;
}

std::string slurp(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

void fail(const std::string& file, const std::string& why) {
  ++failures;
  std::cout << "FAILED " << file << ": " << why << '\n';
}

std::string said(const Loaded& loaded) {
  std::ostringstream out;
  for (const Diagnostic& d : loaded.diagnostics)
    out << d.at.file << ':' << d.at.line << ':' << d.at.column << ": "
        << (d.severity == Diagnostic::error ? "error: " : "warning: ") << d.text << '\n';
  return out.str();
}

void compare(const std::string& file, const std::string& beside, const std::string& got) {
  if (update) {
    if (got.empty()) {
      unlink(beside.c_str());
    } else {
      std::ofstream(beside) << got;
    }
    return;
  }
  const std::string want = exists(beside) ? slurp(beside) : std::string();
  if (want != got)
    fail(file, "differs from " + beside + "\n--- expected\n" + want + "--- got\n" + got);
}

// Each hidden secret replaced by one of its own.
std::string with_secrets(std::string text) {
  static constexpr std::string_view hidden = "<secret>";
  int number = 0;
  for (auto at = text.find(hidden); at != std::string::npos; at = text.find(hidden, at))
    text.replace(at, hidden.size(), "secret." + std::to_string(++number));
  return text;
}

LoadRequest request(const std::string& path) {
  return {path, test::find_plugin};
}

void good(const std::string& file) {
  const int before = failures;
  const Loaded loaded = load_config(request(file));
  const std::string stem = file.substr(0, file.size() - 5);
  if (!loaded.ok()) return fail(file, "is refused\n" + said(loaded));
  compare(file, stem + ".expected", said(loaded));
  const std::string printed = print_config(loaded.config);
  if (exists(stem + ".printed")) compare(file, stem + ".printed", printed);
  const std::string whole = with_secrets(printed);
  const Loaded again = load_config_text(whole, "good/printed", request({}));
  if (!again.ok()) return fail(file, "what is printed does not load\n" + said(again) + printed);
  if (!(again.config.sessions == loaded.config.sessions))
    fail(file, "what is printed is other sessions\n" + printed);
  if (!(again.config.listens == loaded.config.listens))
    fail(file, "what is printed is other listens\n" + printed);
  if (!(again.config.keeper == loaded.config.keeper))
    fail(file, "what is printed is another keeper\n" + printed);
  if (again.config.keychains.size() != loaded.config.keychains.size())
    fail(file, "what is printed has other keychains\n" + printed);
  passes += failures == before;
}

void bad(const std::string& file) {
  const int before = failures;
  const Loaded loaded = load_config(request(file));
  if (loaded.ok()) fail(file, "is taken");
  for (const Diagnostic& d : loaded.diagnostics)
    if (d.at.line == 0 || d.at.column == 0 || d.at.file.empty()) fail(file, "no place: " + d.text);
  compare(file, file.substr(0, file.size() - 5) + ".expected", said(loaded));
  passes += failures == before;
}

// What is installed or shown as an example is taken without a word.
void shipped(const std::string& file, const Libraries& libraries) {
  LoadRequest with_plugins;
  with_plugins.path = file;
  with_plugins.plugin = [&](const std::string& name, const KeeperConfig&) {
    const auto found = libraries.find(name);
    if (found != libraries.end()) return Result<const PluginFacts*>(&found->second->facts());
    return Result<const PluginFacts*>(Error{"is not among those given", 0});
  };
  Loaded loaded = load_config(with_plugins);
  // Whom an example lets in is somebody on its reader's host.
  std::erase_if(loaded.diagnostics, [](const Diagnostic& d) {
    return d.severity == Diagnostic::warning && d.text.find("nobody's name") != std::string::npos;
  });
  if (!loaded.diagnostics.empty()) return fail(file, "is not taken as it stands\n" + said(loaded));
  ++passes;
}

// Does some line of the file, comment or not, show `name = `?
bool shows(const std::string& text, const std::string& name) {
  for (const std::string lead : {"\n", " ", "."})
    if (text.find(lead + name + " = ") != std::string::npos) return true;
  return false;
}

void shows_every_option(const std::string& file, const Schema& schema) {
  const std::string text = slurp(file);
  for (const Option& option : schema) {
    if (option.type == OptionType::table || option.type == OptionType::tables) {
      if (text.find('.' + option.name + ']') == std::string::npos)
        fail(file, "lacks table " + option.name);
      shows_every_option(file, option.fields);
    } else if (!shows(text, option.name)) {
      fail(file, "does not show " + option.name);
    }
    if (option.help.empty() && option.type != OptionType::tables)
      fail(file, "has no help for " + option.name);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  update = !words.empty() && words.front() == "--update";
  if (update) words.erase(words.begin());
  if (words.size() < 2) {
    std::cerr << "usage: golden [--update] DIR PLUGIN.so...\n";
    return 2;
  }
  Libraries libraries;
  for (std::size_t i = 1; i < words.size(); ++i) {
    auto library = Library::load(words[i]);
    if (!library) {
      std::cerr << library.error().text << '\n';
      return 2;
    }
    libraries[(*library)->name()] = *std::move(library);
  }
  if (chdir(words.front().c_str()) != 0) {
    std::perror(words.front().c_str());
    return 2;
  }
  for (const std::string& file : files("good/*.toml")) good(file);
  for (const std::string& file : files("bad/*.toml")) bad(file);
  shipped("../../etc/peerhold.toml", libraries);
  for (const std::string& file : files("../../etc/examples/*.toml")) shipped(file, libraries);
  for (const std::string& file : files("../../etc/examples/*/*.toml")) {
    if (file.ends_with("peerhold.toml")) shipped(file, libraries);
  }
  for (const Schema* schema :
       {&keeper_schema(), &session_schema(), &keychain_schema(), &listen_schema()})
    shows_every_option("../../etc/peerhold.toml", *schema);
  for (const auto& [name, library] : libraries)
    shows_every_option("../../etc/peerhold.toml", library->facts().schema);
  std::cout << passes << " passed, " << failures << " failed\n";
  return failures || !passes;
}
