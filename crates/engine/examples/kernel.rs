#![allow(missing_docs, clippy::all)]
use std::collections::BTreeMap; use std::fs; use std::sync::Arc; use std::time::Instant;
use hedui_base::*; use hedui_rules::{Library, PackFolder}; use hedui_rules::program::*; use hedui_engine::input::*; use hedui_engine::*;
struct D(u64); impl D{fn n(&mut self)->u64{self.0^=self.0<<13;self.0^=self.0>>7;self.0^=self.0<<17;self.0} fn below(&mut self,n:u64)->u64{self.n()%n} fn f(&mut self,p:f64)->bool{(self.n()>>11) as f64/((1u64<<53) as f64)<p}}
fn main(){
 let n:usize=std::env::args().nth(1).map_or(20000,|a|a.parse().unwrap()); let unknown:f64=std::env::args().nth(2).map_or(0.0,|a|a.parse().unwrap());
 let mut files=Vec::new();
 for e in fs::read_dir("connectors/datasets").unwrap(){let p=e.unwrap().path(); files.push(SourceText::new(p.display().to_string(), fs::read_to_string(&p).unwrap()));}
 let cat=Catalogue::parse(&files).unwrap_or_else(|_|panic!());
 let mut packs=Vec::new(); for e in fs::read_dir("rules").unwrap(){let p=e.unwrap().path(); if p.join("pack.toml").is_file(){packs.push(PackFolder::read(&p).unwrap());}}
 let lib=Library::new(packs,cat); let p=lib.check("zhenjiang").program.unwrap();
 let mut d=D(88172645463325252);
 let mut c=Caseload::default(); let mut key=0u32;
 for h in 0..n{ c.cases.id.push(format!("ZJ-{h:06}").as_str().into()); c.cases.area.push("321102".parse().unwrap()); c.cases.residence.push(Some(if d.f(0.5){"urban"}else{"rural"}.into()));
  let m=1+d.below(4); let o=if d.f(0.2){1}else{0}; for i in 0..m+o{c.persons.case.push(h as u32);c.persons.key.push(PersonKey(key));key+=1;c.persons.role.push(if i<m{Role::Member}else{Role::Obligor});}}
 let np=key as usize;
 let val=|d:&mut D,spec:&ColumnSpec,name:&str|->Option<i64>{Some(match spec.ty{ColumnType::Bool=>d.below(2) as i64,ColumnType::Date=>20000+d.below(600) as i64,ColumnType::Month=>24300+d.below(18) as i64,ColumnType::Money(_)=>d.below(300000) as i64,_=>{let _=name;d.below(5) as i64}})};
 let col=|d:&mut D,spec:&ColumnSpec,name:&str,rows:usize|->Column{ let nul=if spec.null==catalogue::NullMeaning::None{0.9}else{0.0};
  if spec.ty.is_int(){Column::Int((0..rows).map(|_| if d.f(nul){None}else{val(d,spec,name)}).collect())}else{let codes:Vec<Arc<str>>=if spec.codes.is_empty(){vec!["x".into(),"y".into()]}else{spec.codes.iter().map(|(k,_)|Arc::<str>::from(&**k)).collect()}; Column::Text((0..rows).map(|_| if d.f(nul){None}else{Some(codes[if d.f(0.8){0}else{d.below(codes.len() as u64) as usize}].clone())}).collect())}};
 let (mut ch,mut pi)=(BTreeMap::new(),BTreeMap::new());
 for i in &p.inputs{ let rows=if i.entity==Entity::Person{np}else{n}; let cl=if i.default.is_some(){continue}else if i.name=="birth_date"{Column::Int((0..rows).map(|_|Some(d.below(18000) as i64)).collect())}else{col(&mut d,&i.spec,&i.name,rows)}; if i.entity==Entity::Person{pi.insert(i.name.clone(),cl);}else{ch.insert(i.name.clone(),cl);} }
 c.cases.inputs=Table{rows:n,columns:ch}; c.persons.inputs=Table{rows:np,columns:pi};
 let mut total=0;
 for ds in &p.datasets{ let rate=match ds.name.as_str(){"deposit"=>3.0,"employment_income"=>6.0,"social_insurance"=>7.0,"utility_use"=>3.0,"hukou"|"identity"=>1.0,"marriage"|"medical"=>0.5,_=>0.05};
  let mut r=Records::default(); for k in 0..np{ let mut x:f64=rate; let mut cnt=0; while x>0.0{ if d.f(x.min(1.0)){cnt+=1;} x-=1.0;} for j in 0..cnt{r.person.push(PersonKey(k as u32));r.source.push("s".into());r.record_id.push(format!("{j}").into());r.as_of.push(None);r.ask.push(AskId(0));r.answer.push(AnswerId(0));}}
  let rows=r.person.len(); total+=rows; r.table=Table{rows,columns:ds.columns.iter().map(|cu|(cu.name.clone(),col(&mut d,&cu.spec,&cu.name,rows))).collect()};
  c.records.insert(ds.name.clone(),r);
  if unknown>0.0{c.coverage.sources.push((ds.name.as_str().into(),ds.name.clone()));}
  c.coverage.complete.push(ds.name.clone()); }
 if unknown>0.0{ for k in 0..np{ if d.f(unknown){ let s=d.below(p.datasets.len() as u64) as u16; c.coverage.outcomes.insert((PersonKey(k as u32),s),Outcome::Failed);}}}
 println!("{n} households {np} people {total} rows");
 let day="2026-06-30".parse().unwrap();
 for _ in 0..0{ let t=Instant::now(); let f=run(&p,&c,day,&RunOptions{slice:512,threads:Some(1)}); println!("run {:?} {:.2} us/household; errors {} flags {} {:?}",t.elapsed(),t.elapsed().as_secs_f64()*1e6/n as f64,f.errors.len(),f.flags.len(),f.errors.first()); }
 let pk=hedui_engine::packed::Packed::of(&p,&c); let runner=hedui_engine::concluded::Runner::new(&p,day);
 for _ in 0..20{ let t=Instant::now(); let f=runner.run(&pk,512); println!("packed {:?} {:.2} us/household flags {}",t.elapsed(),t.elapsed().as_secs_f64()*1e6/n as f64,f.iter().map(|c|c.flags.len()).sum::<usize>()); }
 let mut one=Vec::new(); { let mut c1=c.clone(); let keep=7usize; let lo=c.persons.case.partition_point(|x|(*x as usize)<keep); let hi=c.persons.case.partition_point(|x|(*x as usize)<=keep); let _=(lo,hi,&mut c1); }
 for h in 0..2000usize{ let t=Instant::now(); let f=runner.run_one(&pk,h); one.push(t.elapsed()); drop(f);} one.sort(); println!("packed one p50 {:?} p99 {:?}",one[1000],one[1980]);
 let mut small=Vec::new(); for h in 0..0usize{ let t=Instant::now(); let tr=trace(&p,&c,h,day); small.push(t.elapsed()); drop(tr);} small.sort(); println!("trace one p50 {:?}",small.first());
}
