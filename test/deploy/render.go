// Renders a Helm chart as "helm template" does, for the functions that our chart uses: Go's own text/template, with
// the functions of Sprig and of Helm that are named below.
//
// Standard input: {"dir", "values", "chart", "release", "subcharts"}; standard output: {"file": "text", ...}
//
//	go run render.go
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"
)

type values = map[string]any

type input struct {
	Dir       string           `json:"dir"`
	Templates []string         `json:"templates"`
	Values    values           `json:"values"`
	Chart     values           `json:"chart"`
	Release   values           `json:"release"`
	Subcharts map[string]input `json:"subcharts"`
}

func main() {
	var given input
	check(json.NewDecoder(os.Stdin).Decode(&given))
	// Helm: missing keys are zero, and what is printed of them is taken away again.
	root := template.New("").Option("missingkey=zero")
	root.Funcs(functions(root))
	named := add(root, given)
	printed := map[string]string{}
	for _, name := range named {
		if strings.HasPrefix(filepath.Base(name), "_") {
			continue
		}
		var text bytes.Buffer
		check(root.ExecuteTemplate(&text, name, context(given)))
		printed[filepath.Base(name)] = strings.ReplaceAll(text.String(), "<no value>", "")
	}
	check(json.NewEncoder(os.Stdout).Encode(printed))
}

func add(root *template.Template, given input) []string {
	for _, subchart := range given.Subcharts {
		add(root, subchart)
	}
	files, err := filepath.Glob(filepath.Join(given.Dir, "templates", "*"))
	check(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		_, err = root.New(file).Parse(string(text))
		check(err)
	}
	return files
}

func context(given input) values {
	subcharts := values{}
	for name, subchart := range given.Subcharts {
		subchart.Release = given.Release
		subcharts[name] = context(subchart)
	}
	return values{"Values": given.Values, "Chart": given.Chart, "Release": given.Release, "Subcharts": subcharts}
}

func functions(root *template.Template) template.FuncMap {
	return template.FuncMap{
		"include": func(name string, with any) (string, error) {
			var text bytes.Buffer
			err := root.ExecuteTemplate(&text, name, with)
			return text.String(), err
		},
		"fail":   func(text string) (string, error) { return "", errors.New(text) },
		"toYaml": func(value any) string { return strings.TrimLeft(toYAML(value, ""), "\n ") },
		"toJson": toJSON,
		"indent": indent,
		"nindent": func(by int, text string) string {
			return "\n" + indent(by, text)
		},
		"quote":      func(value any) string { return fmt.Sprintf("%q", fmt.Sprint(value)) },
		"toString":   func(value any) string { return fmt.Sprint(value) },
		"contains":   func(part, text string) bool { return strings.Contains(text, part) },
		"trimSuffix": func(suffix, text string) string { return strings.TrimSuffix(text, suffix) },
		"trunc": func(length int, text string) string {
			if len(text) > length {
				return text[:length]
			}
			return text
		},
		"sha256sum": func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) },
		"default": func(other, value any) any {
			if truth, _ := template.IsTrue(value); truth {
				return value
			}
			return other
		},
		"ternary": func(yes, no any, truth bool) any {
			if truth {
				return yes
			}
			return no
		},
		"int": integer,
		"add": func(numbers ...any) int64 {
			var sum int64
			for _, number := range numbers {
				sum += int64(integer(number))
			}
			return sum
		},
		"mul": func(first any, numbers ...any) int64 {
			product := int64(integer(first))
			for _, number := range numbers {
				product *= int64(integer(number))
			}
			return product
		},
		"list":   func(items ...any) []any { return items },
		"append": func(items []any, item any) []any { return append(append([]any{}, items...), item) },
		"concat": func(lists ...[]any) []any {
			all := []any{}
			for _, each := range lists {
				all = append(all, each...)
			}
			return all
		},
		"dict": func(pairs ...any) values {
			made := values{}
			for at := 0; at+1 < len(pairs); at += 2 {
				made[fmt.Sprint(pairs[at])] = pairs[at+1]
			}
			return made
		},
		"omit": func(from values, keys ...string) values {
			left := values{}
			for key, value := range from {
				left[key] = value
			}
			for _, key := range keys {
				delete(left, key)
			}
			return left
		},
		"merge":    merge,
		"deepCopy": deepCopy,
	}
}

// The first wins, and mappings are merged in depth.
func merge(into values, others ...values) values {
	for _, other := range others {
		for key, value := range other {
			own, has := into[key]
			ownMapping, isMapping := own.(values)
			mapping, isOtherMapping := value.(values)
			if !has {
				into[key] = value
			} else if isMapping && isOtherMapping {
				into[key] = merge(ownMapping, mapping)
			}
		}
	}
	return into
}

func deepCopy(value any) any {
	mapping, isMapping := value.(values)
	if !isMapping {
		return value
	}
	copied := values{}
	for key, each := range mapping {
		copied[key] = deepCopy(each)
	}
	return copied
}

// Blocks as Helm prints them, keys sorted and lists not indented; scalars are JSON, which is YAML too.
func toYAML(value any, pad string) string {
	text := ""
	switch held := value.(type) {
	case values:
		keys := []string{}
		for key := range held {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		for _, key := range keys {
			inner := pad + "  "
			if _, isList := held[key].([]any); isList {
				inner = pad
			}
			text += "\n" + pad + key + ":" + toYAML(held[key], inner)
		}
		if text == "" {
			return " {}"
		}
	case []any:
		for _, item := range held {
			block := toYAML(item, pad+"  ")
			text += "\n" + pad + "-" + strings.Replace(block, "\n"+pad+"  ", " ", 1)
		}
		if text == "" {
			return " []"
		}
	default:
		scalar, _ := toJSON(held)
		return " " + scalar
	}
	return text
}

func toJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

func indent(by int, text string) string {
	pad := strings.Repeat(" ", by)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad)
}

func integer(value any) int {
	switch number := value.(type) {
	case float64:
		return int(number)
	case int64:
		return int(number)
	case int:
		return number
	}
	return 0
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
