package health

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// TestSameSettingsLooksAtEveryField fails for a field that was added to the
// settings and forgotten here.
func TestSameSettingsLooksAtEveryField(t *testing.T) {
	yes := true
	base := (&config.ActiveHealth{Headers: http.Header{"A": {"b"}}}).WithDefaults()
	same := base
	same.Headers, same.ExpectStatus = base.Headers.Clone(), append([]int(nil), base.ExpectStatus...)
	if !sameSettings(&base, &same) {
		t.Error("copies are not the same")
	}
	for i := range reflect.TypeFor[config.ActiveHealth]().NumField() {
		other := base
		field := reflect.ValueOf(&other).Elem().Field(i)
		name := reflect.TypeFor[config.ActiveHealth]().Field(i).Name
		switch field.Interface().(type) {
		case string:
			field.SetString("other")
		case bool:
			field.SetBool(!field.Bool())
		case *bool:
			field.Set(reflect.ValueOf(&yes))
		case http.Header:
			field.Set(reflect.ValueOf(http.Header{"A": {"c"}}))
		case []int:
			field.Set(reflect.ValueOf([]int{204}))
		default:
			if !field.CanInt() {
				t.Fatalf("%s is of a type that this test does not know", name)
			}
			field.SetInt(field.Int() + 1)
		}
		if sameSettings(&base, &other) {
			t.Errorf("a change of %s goes unnoticed", name)
		}
	}
}
