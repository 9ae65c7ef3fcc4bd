package logparse
import ("testing";"os";"fmt";"bytes";"time";"sort")
func TestDump(t *testing.T){
 b,_:=os.ReadFile("../testdata/logs/nginx-1.22.1-error.log")
 kinds:=map[string]int{}; levels:=map[string]int{}
 f,_:=os.Create("/tmp/dump.json")
 err:=Read(bytes.NewReader(b),"x",func(e *Entry){
  kinds[string(e.Kind)]++; levels[e.Level.String()]++
  e.Raw=e.Raw[:min(len(e.Raw),20)]
  f.Write(append(e.AppendJSON(nil,time.UTC),'\n'))
  if e.Flags!=0 {fmt.Println(e.Line,e.Lines,e.Flags.Strings(),e.Kind,e.Message[:min(60,len(e.Message))],"|",e.Client)}
  if e.Kind==KindOther||e.Kind==KindUnparsed||e.Kind==KindCallFailed {fmt.Printf("%d %s %q\n",e.Line,e.Kind,e.Message)}
 })
 fmt.Println(err)
 var ks []string; for k:=range kinds{ks=append(ks,fmt.Sprintf("%s=%d",k,kinds[k]))}; sort.Strings(ks); fmt.Println(ks,levels)
}
